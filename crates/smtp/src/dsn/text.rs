//! What a report says to people, in each language that there is. A further language is one more value here.

use super::reported::Kind;

/// The words of one language.
pub(super) struct Text {
    /// Name of the sender.
    pub sender: &'static str,
    pub failure: Words,
    pub delay: Words,
    pub success: Words,
    /// Before what another server said.
    pub said: &'static str,
    /// Before a date.
    pub until: &'static str,
    /// In a mailbox.
    pub delivered: &'static str,
    /// With another server.
    pub relayed: &'static str,
    /// The time for trying has run out.
    pub expired: &'static str,
}

/// The words of one kind of report.
pub(super) struct Words {
    pub subject: &'static str,
    /// Before the list of recipients.
    pub before: &'static str,
    /// Behind it.
    pub behind: &'static str,
}

static ENGLISH: Text = Text {
    sender: "Mail Delivery System",
    failure: Words {
        subject: "Your message could not be delivered",
        before: "Your message could not be delivered to:",
        behind: "It is not tried any more. Check the address, or reach the recipient in another way. The technical details and \
                 your message, or its beginning, are attached.",
    },
    delay: Words {
        subject: "Your message is late",
        before: "Your message could not be delivered yet to:",
        behind: "This is only a warning: it goes on being tried, and you need not send it again.",
    },
    success: Words {
        subject: "Your message was delivered",
        before: "You asked to be told about the delivery of your message to:",
        behind: "The technical details and the beginning of your message are attached.",
    },
    said: "The server {server} said:",
    until: "It is tried until {date}.",
    delivered: "It was delivered to the mailbox.",
    relayed: "It was handed to the server {server}, which sends no reports.",
    expired: "It was tried in vain until the time for it ran out.",
};

static FRENCH: Text = Text {
    sender: "Service de messagerie",
    failure: Words {
        subject: "Votre message n'a pas pu être remis",
        before: "Votre message n'a pas pu être remis à :",
        behind: "Il n'y aura pas d'autre tentative. Vérifiez l'adresse ou joignez le destinataire autrement. Les détails \
                 techniques et votre message, ou son début, sont joints.",
    },
    delay: Words {
        subject: "Votre message est en retard",
        before: "Votre message n'a pas encore pu être remis à :",
        behind: "Ceci n'est qu'un avertissement : les tentatives continuent, il est inutile de renvoyer votre message.",
    },
    success: Words {
        subject: "Votre message a été remis",
        before: "Vous avez demandé à être informé de la remise de votre message à :",
        behind: "Les détails techniques et le début de votre message sont joints.",
    },
    said: "Réponse du serveur {server} :",
    until: "Les tentatives continuent jusqu'au {date}.",
    delivered: "Il est arrivé dans la boîte aux lettres.",
    relayed: "Il a été confié au serveur {server}, qui n'envoie pas d'avis.",
    expired: "Les tentatives sont restées vaines jusqu'à la fin du délai prévu.",
};

/// The words for a language tag (`fr`, `fr-CH`); English where there are none.
pub(super) fn of(language: &str) -> &'static Text {
    match language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "fr" => &FRENCH,
        _ => &ENGLISH,
    }
}

impl Text {
    pub fn words(&self, kind: Kind) -> &Words {
        match kind {
            Kind::Failure => &self.failure,
            Kind::Delay => &self.delay,
            Kind::Success => &self.success,
        }
    }
}
