//! PostgreSQL and S3 for the contenders that keep their mail there: one pair of servers, a fresh place for each contender.
//!
//! PostgreSQL is as Debian ships it (`fsync` and `full_page_writes` on, default memory), so that nothing is won by tuning.
//! The S3 server does not wait for the disk: the few large bodies cost less here than they would elsewhere.

use std::cell::Cell;

use sterna_tests::{PostgresOptions, PostgresServer, S3Server, backend};

/// Settings of a server that other servers could follow, as production ones are; the harness's own default is cheaper.
const SETTINGS: &str = "wal_level = replica\nmax_wal_senders = 10\n";

/// What counts the statements, if that is asked for.
const COUNTING: &str = "shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track_utility = on\n";

/// How many kinds of statements are listed.
const LISTED: usize = 40;

/// Both servers.
#[derive(Debug)]
pub struct SharedServers {
    postgres: PostgresServer,
    s3: S3Server,
    counting: bool,
    places: Cell<u32>,
}

impl SharedServers {
    /// Starts both; `counting` makes PostgreSQL count statements, which costs it some percent.
    pub fn start(counting: bool) -> SharedServers {
        let settings = [SETTINGS, if counting { COUNTING } else { "" }].concat();
        let options = PostgresOptions { fsync: true, settings, ..PostgresOptions::default() };
        let servers = SharedServers {
            postgres: PostgresServer::with(options),
            s3: S3Server::start(),
            counting,
            places: Cell::default(),
        };
        if counting {
            servers.postgres.psql("CREATE EXTENSION pg_stat_statements");
        }
        servers
    }

    /// A sentence for the report.
    pub fn describe(&self) -> String {
        let version = self.postgres.psql("SHOW server_version");
        let version = version.split(' ').next().unwrap_or_default().trim();
        let counting = if self.counting { "; it counted its statements, which costs some percent" } else { "" };
        format!(
            "PostgreSQL {version} with its default settings, fsync on, on the same disk as everything else{counting}. \
             The S3 server beside it does not wait for the disk; it holds bodies above 256 KiB only."
        )
    }

    /// The lines of a `sterna.toml` that lead to a fresh database and a fresh prefix.
    pub fn fresh_place(&self) -> String {
        self.places.set(self.places.get() + 1);
        backend::tables(&self.postgres.create_database(), &self.s3.place(&format!("bench{}/", self.places.get())))
    }

    /// Finishes what earlier work left to do, so that it is not charged to the next measurement, and counts from zero.
    pub fn settle(&self) {
        self.postgres.psql("CHECKPOINT");
        if self.counting {
            self.postgres.psql("SELECT pg_stat_statements_reset()");
        }
    }

    /// Tells on standard error which statements were run since [`SharedServers::settle`], how often for each of `units`,
    /// and how long they took in the server.
    pub fn tell_statements(&self, what: &str, units: u64) {
        if !self.counting {
            return;
        }
        let units = units.max(1);
        let totals = self.postgres.psql(&format!(
            "SELECT round(sum(calls)::numeric / {units}, 3), round(sum(total_exec_time)::numeric / {units}, 4) \
             FROM pg_stat_statements"
        ));
        eprintln!("statements of {what} (per unit, milliseconds per unit; {units} units): {}", totals.trim());
        let rows = self.postgres.psql(&format!(
            "SELECT round(calls::numeric / {units}, 3), round(total_exec_time::numeric / {units}, 4), calls, \
             round(mean_exec_time::numeric, 4), left(regexp_replace(query, '\\s+', ' ', 'g'), 130) \
             FROM pg_stat_statements ORDER BY calls DESC LIMIT {LISTED}"
        ));
        rows.lines().for_each(|row| eprintln!("  {row}"));
    }
}
