// What the tests have Thunderbird do, in its own context: by the interfaces that its window uses.

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");

const { Offline, NoSelect } = Ci.nsMsgFolderFlags;
const { Replied, IMAPDeleted, Offline: HasBody } = Ci.nsMsgMessageFlags;

const server = MailServices.accounts.allServers.find((one) => one.type == "imap");

/// Waits for the end of what a function starts; it is given the listener.
function done(start) {
  return new Promise((resolve, reject) => {
    start({
      QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
      OnStartRunningUrl() {},
      OnStopRunningUrl(url, status) {
        Components.isSuccessCode(status) ? resolve() : reject(new Error(`${url?.spec}: ${status.toString(16)}`));
      },
    });
  });
}

/// The folders that have messages.
function folders() {
  return server.rootFolder.descendants
    .map((folder) => folder.QueryInterface(Ci.nsIMsgImapMailFolder))
    .filter((folder) => !folder.getFlag(NoSelect));
}

/// Its name on the wire.
function named(name) {
  return folders().find((folder) => folder.onlineName == name);
}

/// Lists all folders, looks into each, and fetches the bodies that are not here yet. INBOX comes last and stays open.
async function synchronise() {
  await done((listener) => MailServices.imap.discoverAllFolders(server.rootFolder, listener, null));
  const inboxLast = (folder) => folder.onlineName == "INBOX";
  for (const folder of folders().sort((a, b) => inboxLast(a) - inboxLast(b))) {
    folder.setFlag(Offline);
    await done((listener) => folder.updateFolderWithListener(null, listener));
    await done((listener) => folder.downloadAllForOffline(listener, null));
  }
  // That tells of the end too early.
  while (folders().some((folder) => Array.from(folder.messages).some((header) => !(header.flags & HasBody)))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/// What is known here, without asking anybody: for each folder, for each UID, whether the body is here, and the flags.
function known() {
  const message = (header) => ({
    uid: header.messageKey,
    body: !!(header.flags & HasBody),
    flags: [
      header.isRead && "\\seen",
      header.isFlagged && "\\flagged",
      header.flags & Replied && "\\answered",
      header.flags & IMAPDeleted && "\\deleted",
    ].filter(Boolean),
  });
  return folders().map((folder) => ({ name: folder.onlineName, messages: Array.from(folder.messages, message) }));
}

/// Marks one message of a folder as read.
function markRead(name, uid) {
  const folder = named(name);
  folder.markMessagesRead([folder.GetMessageHeader(uid)], true);
}
