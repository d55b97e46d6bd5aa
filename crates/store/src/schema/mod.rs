//! The tables, as SQL files: one file for each released step.

use crate::db::Schema;

/// An account's database.
pub(crate) static ACCOUNT: Schema = Schema {
    file_name: "account.db",
    steps: &[
        include_str!("account_1.sql"),
        include_str!("account_2.sql"),
        include_str!("account_3.sql"),
        include_str!("account_4.sql"),
        include_str!("account_5.sql"),
    ],
};

/// Both, and all accounts, in one PostgreSQL database.
pub(crate) static POSTGRES: &[&str] = &[
    include_str!("postgres_1.sql"),
    include_str!("postgres_2.sql"),
    include_str!("postgres_3.sql"),
    include_str!("postgres_4.sql"),
    include_str!("postgres_5.sql"),
    include_str!("postgres_6.sql"),
];

/// The directory's database.
pub(crate) static DIRECTORY: Schema = Schema {
    file_name: "directory.db",
    steps: &[
        include_str!("directory_1.sql"),
        include_str!("directory_2.sql"),
        include_str!("directory_3.sql"),
        include_str!("directory_4.sql"),
        include_str!("directory_5.sql"),
    ],
};
