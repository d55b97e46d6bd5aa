//! Secrets of the configuration: from a file of their own, from the environment, or from `sterna.toml` itself, where a
//! warning is due if everybody on the machine can read it. Nothing here may quote a secret.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The longest secret, bytes.
const SECRET_MAX: u64 = 4096;

/// Reads secrets and remembers what is to be warned of.
pub(super) struct Secrets<'a> {
    /// Relative paths start here.
    pub directory: &'a Path,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Keys whose secret stands in the configuration itself.
    pub written: Vec<&'static str>,
    /// Files with a secret that everybody can read, a sentence each.
    pub warnings: Vec<String>,
}

impl<'a> Secrets<'a> {
    pub fn new(directory: &'a Path, variable: &'a dyn Fn(&str) -> Option<String>) -> Secrets<'a> {
        Secrets { directory, variable, written: Vec::new(), warnings: Vec::new() }
    }

    /// The first line of a file that `key` names.
    pub fn file(&mut self, key: &str, path: &Path) -> Result<String, String> {
        let path = self.directory.join(path);
        let failed = |e: std::io::Error| format!("{key}: cannot read {}: {e}", path.display());
        let mut text = String::new();
        let file = File::open(&path).map_err(failed)?;
        if is_world_readable(&file) {
            self.warnings.push(format!("everybody on this machine can read {0}: chmod o-r {0}", path.display()));
        }
        file.take(SECRET_MAX).read_to_string(&mut text).map_err(failed)?;
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(line.to_owned()),
            _ => Err(format!("{key}: {} is empty; it must hold the secret in its first line", path.display())),
        }
    }

    /// All warnings, now that the configuration's own file is known.
    pub fn into_warnings(self, configuration: &Path) -> Vec<String> {
        let mut warnings = self.warnings;
        if !self.written.is_empty() && File::open(configuration).is_ok_and(|file| is_world_readable(&file)) {
            let (keys, file) = (self.written.join(" and "), configuration.display());
            warnings.push(format!("everybody on this machine can read {keys} in {file}: chmod o-r {file}"));
        }
        warnings
    }
}

fn is_world_readable(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_first_line_and_a_file_for_everybody_is_warned_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let mut secrets = Secrets::new(directory.path(), &|_| None);
        for (text, mode, secret) in
            [("geheim\r\nmore", 0o640, Some("geheim")), ("geheim", 0o644, Some("geheim")), ("\n", 0o600, None)]
        {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(secrets.file("k", Path::new("secret")).ok().as_deref(), secret, "{text}");
        }
        assert!(
            secrets.file("store.password_file", Path::new("none")).unwrap_err().starts_with("store.password_file: ")
        );
        let configuration = directory.path().join("sterna.toml");
        std::fs::write(&configuration, "").unwrap();
        std::fs::set_permissions(&configuration, PermissionsExt::from_mode(0o644)).unwrap();
        secrets.written.push("store.url");
        let warnings = secrets.into_warnings(&configuration);
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("/secret") && warnings[1].contains("store.url in "), "{warnings:?}");
        assert!(!warnings.concat().contains("geheim"));
    }
}
