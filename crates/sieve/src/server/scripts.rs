//! The commands about scripts (RFC 5804 §2.5 to §2.12).

use sterna_store::{Account, Error};

use super::Service;
use super::command::Command;
use super::write::{Reply, literal, string};

/// Does one of them for `account`; what stands before the final answer is appended to `out`.
pub(super) async fn handle(service: &Service, account: &Account, command: Command, out: &mut Vec<u8>) -> Reply {
    let done = match command {
        Command::HaveSpace { name, size } => have_space(service, account, name, size).await,
        Command::PutScript { name, script } => put(service, account, name, script).await,
        Command::CheckScript(script) => Ok(check(service, script).await.1),
        Command::ListScripts => list(account, out).await,
        Command::GetScript(name) => get(account, name, out).await,
        Command::SetActive(name) => {
            let done = account.write(move |tx| tx.set_active_sieve(name.as_deref())).await;
            done.map(|()| Reply::ok("done"))
        }
        Command::DeleteScript(name) => {
            account.write(move |tx| tx.remove_sieve(&name)).await.map(|()| Reply::ok("removed"))
        }
        Command::RenameScript { old, new } => {
            account.write(move |tx| tx.rename_sieve(&old, &new)).await.map(|()| Reply::ok("renamed"))
        }
        _ => Ok(Reply::no("this command is not about scripts")),
    };
    done.unwrap_or_else(|error| refused(&error))
}

fn refused(error: &Error) -> Reply {
    let code = match error {
        Error::NotFound(_) => "NONEXISTENT",
        Error::Exists(_) => "ALREADYEXISTS",
        Error::NotPermitted(_) => "ACTIVE",
        Error::DiskFull | Error::Unavailable(_) => "TRYLATER",
        _ => return Reply::no(error.to_string()),
    };
    Reply::no_code(code, error.to_string())
}

fn too_long(service: &Service) -> Reply {
    let text = format!("a script may have {} bytes", service.config.limits.script);
    Reply::no_code("QUOTA/MAXSIZE", text)
}

fn too_many(max: usize) -> Reply {
    Reply::no_code("QUOTA/MAXSCRIPTS", format!("an account may have {max} scripts"))
}

/// Whether a script could be stored, as far as sizes go.
async fn have_space(service: &Service, account: &Account, name: String, size: u64) -> Result<Reply, Error> {
    if size > service.config.limits.script as u64 {
        return Ok(too_long(service));
    }
    let max = service.config.max_scripts;
    let scripts = account.read(|tx| tx.sieve_scripts()).await?;
    let room = scripts.len() < max || scripts.iter().any(|s| s.name == name);
    Ok(if room { Reply::ok("there is room") } else { too_many(max) })
}

/// Whether a script is one, and the answer that says so.
async fn check(service: &Service, script: String) -> (bool, Reply) {
    if script.len() > service.config.limits.script {
        return (false, too_long(service));
    }
    let limits = service.config.limits.clone();
    let Ok(_permit) = service.checks.acquire().await else {
        return (false, Reply::no_code("TRYLATER", "shutting down"));
    };
    match tokio::task::spawn_blocking(move || crate::check(&script, &limits)).await {
        Ok(Ok(warnings)) if warnings.is_empty() => (true, Reply::ok("done")),
        Ok(Ok(warnings)) => {
            let lines: Vec<String> = warnings.iter().take(20).map(ToString::to_string).collect();
            (true, Reply { word: "OK", code: Some("WARNINGS".to_owned()), text: lines.join("\r\n") })
        }
        Ok(Err(error)) => (false, Reply::no(error.to_string())),
        Err(_) => (false, Reply::no("the script could not be checked")),
    }
}

async fn put(service: &Service, account: &Account, name: String, script: String) -> Result<Reply, Error> {
    let (good, reply) = check(service, script.clone()).await;
    if !good {
        return Ok(reply);
    }
    let max = service.config.max_scripts;
    let stored = account.write(move |tx| {
        let scripts = tx.sieve_scripts()?;
        if scripts.len() >= max && !scripts.iter().any(|s| s.name == name) {
            return Ok(false);
        }
        tx.put_sieve(&name, &script)?;
        Ok(true)
    });
    Ok(if stored.await? { reply } else { too_many(max) })
}

async fn list(account: &Account, out: &mut Vec<u8>) -> Result<Reply, Error> {
    for script in account.read(|tx| tx.sieve_scripts()).await? {
        string(out, &script.name);
        out.extend_from_slice(if script.active { b" ACTIVE\r\n" } else { b"\r\n" });
    }
    Ok(Reply::ok("done"))
}

async fn get(account: &Account, name: String, out: &mut Vec<u8>) -> Result<Reply, Error> {
    let missing = Error::NotFound(format!("the script \"{name}\""));
    let script = account.read(move |tx| tx.sieve_script(&name)).await?.ok_or(missing)?;
    literal(out, &script);
    out.extend_from_slice(b"\r\n");
    Ok(Reply::ok("done"))
}
