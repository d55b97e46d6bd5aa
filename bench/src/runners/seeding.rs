//! Copying a whole mailbox out of Dovecot: the tools that people use today, on the big corpus.

use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use sterna_tests::{Dovecot, Mbsync, MbsyncOptions, peer, run as run_program};

use super::contender::{Contender, DovecotContender, SternaContender, folders};
use super::report::{Better, Report};
use super::shared::SharedServers;
use super::{Options, scaled, seconds};
use crate::Profile;

const SECTION: &str = "Copying a mailbox of 10,000 messages, about 580 MB, out of Dovecot";

/// Every tool on the same source, each run into an empty target.
pub fn measure(shared: &Rc<SharedServers>, options: &Options, report: &mut Report) {
    let source = DovecotContender::filled(Profile::Big, scaled(options, Profile::Big.messages()));
    for _ in 0..options.runs {
        read_everything(&source, report);
        sterna(SternaContender::embedded(), &source, report);
        sterna(SternaContender::shared(shared), &source, report);
        doveadm_backup(&source, report);
        mbsync(&source, report);
        imapsync(&source, report);
    }
}

/// The floor: what it takes to read every body once over one connection and throw it away.
fn read_everything(source: &DovecotContender, report: &mut Report) {
    let mut wire = source.session();
    let mut bytes = 0;
    let time = seconds(|| {
        for folder in folders(&mut wire) {
            wire.ok(&format!("EXAMINE {folder}"));
            bytes += wire.discard("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])");
        }
    });
    eprintln!("read {:.1} MB in {time:.2} s", bytes as f64 / 1e6);
    report.add(SECTION, "every body once over one connection, not stored", "s", Better::Lower, "test client", time);
}

/// `sterna move start --wait` beside a running server, from the command's start to its end: every message durable.
fn sterna(mut target: SternaContender, source: &DovecotContender, report: &mut Report) {
    let name = format!("sterna move, {}", target.store());
    for measure in ["first copy", "a pass with nothing to do"] {
        target.settle();
        let time = seconds(|| target.move_from(source));
        target.tell_statements(measure, source.messages());
        report.add(SECTION, measure, "s", Better::Lower, &name, time);
    }
    let peak = target.peak_memory() as f64 / f64::from(1 << 20);
    report.add(SECTION, "peak resident memory of the copying process", "MiB", Better::Lower, &name, peak);
}

fn doveadm_backup(source: &DovecotContender, report: &mut Report) {
    let mut target = Dovecot::start();
    let user = target.user("copy@example.org", "copy");
    let port = format!("imapc_port={}", source.port());
    let login = format!("imapc_user={}", source.user().login);
    let password = format!("imapc_password={}", source.user().password);
    let mut arguments = Vec::new();
    let settings = ["imapc_host=127.0.0.1", &port, &login, &password, "imapc_features=rfc822.size fetch-headers"];
    for setting in settings.iter().chain(&["mail_prefetch_count=20"]) {
        arguments.extend(["-o", *setting]);
    }
    arguments.extend(["backup", "-R", "-u", &user.login, "imapc:"]);
    let time = seconds(|| {
        target.doveadm(&arguments).success();
    });
    report.add(SECTION, "first copy", "s", Better::Lower, "doveadm backup over imapc", time);
    let again = seconds(|| {
        target.doveadm(&arguments).success();
    });
    report.add(SECTION, "a pass with nothing to do", "s", Better::Lower, "doveadm backup over imapc", again);
}

fn mbsync(source: &DovecotContender, report: &mut Report) {
    let options = MbsyncOptions { sync: "Pull", both_ways: "Near", ..MbsyncOptions::default() };
    let client = Mbsync::new(source.port(), source.user(), options);
    for measure in ["first copy", "a pass with nothing to do"] {
        // mbsync sleeps a second where a Maildir was changed within the last one; that is not its work.
        std::thread::sleep(Duration::from_millis(1_500));
        let time = client.run_raw(&["-q"]).success().elapsed.as_secs_f64();
        report.add(SECTION, measure, "s", Better::Lower, "mbsync", time);
    }
}

/// imapsync is not in Debian: it is measured where somebody has installed it, and its absence is reported.
fn imapsync(source: &DovecotContender, report: &mut Report) {
    let Some(imapsync) = peer::find("imapsync") else {
        report.note("imapsync is not on this machine and was not measured.");
        return;
    };
    let mut target = Dovecot::start();
    let user = target.user("copy@example.org", "copy");
    let (from, to) = (source.port().to_string(), target.port().to_string());
    let first = ["--host1", "127.0.0.1", "--port1", &from, "--user1", &source.user().login, "--nossl1", "--notls1"];
    let second = ["--host2", "127.0.0.1", "--port2", &to, "--user2", &user.login, "--nossl2", "--notls2"];
    let mut command = Command::new(imapsync);
    command.args(first).args(second).args(["--nolog", "--noreleasecheck"]);
    command.env("IMAPSYNC_PASSWORD1", &source.user().password).env("IMAPSYNC_PASSWORD2", &user.password);
    for measure in ["first copy", "a pass with nothing to do"] {
        let time = run_program(&mut command, b"", Duration::from_secs(3_600)).success().elapsed.as_secs_f64();
        report.add(SECTION, measure, "s", Better::Lower, "imapsync", time);
    }
}
