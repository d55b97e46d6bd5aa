//! Finds the programs of Debian packages that the suites run against. A missing one fails the test with what to install.

use std::path::{Path, PathBuf};

/// The path of `program`, looked for in `PATH` and in the directories of system daemons.
///
/// # Panics
/// If it is not installed: the message names the Debian `package` and the command that installs it.
pub fn require(program: &str, package: &str) -> PathBuf {
    find(program).unwrap_or_else(|| {
        panic!(
            "the peer `{program}` is not installed: run `scripts/peers` as root, \
             or `apt-get install --no-install-recommends {package}`"
        )
    })
}

/// As [`require`], for a peer that not every machine has (imapsync is not in Debian): `None` if it is absent.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| is_executable(candidate))
}

/// Where `scripts/peers` puts what is not installed as a package.
pub(crate) fn cache() -> PathBuf {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home).unwrap_or_default().join("sterna-peers")
}

/// Lets every user pass through a directory: temporary ones are made for their owner only, and some peers run as a user
/// of their own.
pub(crate) fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).expect("open a directory");
}

pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_the_system_is_found() {
        assert!(require("sh", "dash").is_absolute());
    }

    #[test]
    #[should_panic(expected = "apt-get install --no-install-recommends nosuchpackage")]
    fn a_missing_peer_names_its_package() {
        require("no-such-program-anywhere", "nosuchpackage");
    }
}
