//! Authentication of mail: SPF, DKIM, DMARC and ARC are verified, our own mail is signed.
