//! A database of the first release opens with everything in it.

use std::fs;
use std::path::Path;

use sterna_store::CHUNK;

use super::mail::{Mail, Place, noise};

/// Rewrites the account's database and files as the first release had them.
fn go_back(home: &Path) {
    let (new, old) = (home.join("account.db"), home.join("old.db"));
    let db = rusqlite::Connection::open(&old).unwrap();
    db.execute_batch(include_str!("../../src/schema/account_1.sql")).unwrap();
    db.execute("ATTACH ?1 AS new", [new.to_str().unwrap()]).unwrap();
    let tables: Vec<String> = {
        let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'blob%'";
        let mut statement = db.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for table in tables {
        let columns = columns(&db, &table);
        db.execute_batch(&format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")).unwrap();
    }
    db.execute_batch(
        "INSERT INTO main.blob SELECT id, account_id, hash, size, stored, object IS NOT NULL FROM new.blob;
         INSERT INTO main.blob_chunk SELECT * FROM new.blob_chunk;
         INSERT INTO main.blob_garbage SELECT account_id, unhex(substr(object, 1, 64)) FROM new.blob_garbage;
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(db);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(home.join(format!("account.db{suffix}")));
    }
    fs::rename(old, new).unwrap();
    for file in fs::read_dir(home.join("blobs")).unwrap().map(|entry| entry.unwrap().path()) {
        let hash = &file.file_name().unwrap().to_str().unwrap()[..64];
        fs::rename(&file, file.with_file_name(hash)).unwrap();
    }
}

/// The columns that a table of the first release has.
fn columns(db: &rusqlite::Connection, table: &str) -> String {
    let mut statement = db.prepare("SELECT name FROM pragma_table_info(?1, 'main')").unwrap();
    let names: Vec<String> = statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.join(", ")
}

/// The same for the directory, which had no jobs then.
fn directory_goes_back(data: &Path) {
    let (new, old) = (data.join("directory.db"), data.join("old.db"));
    let db = rusqlite::Connection::open(&old).unwrap();
    db.execute_batch(include_str!("../../src/schema/directory_1.sql")).unwrap();
    db.execute("ATTACH ?1 AS new", [new.to_str().unwrap()]).unwrap();
    db.execute_batch(
        "DELETE FROM main.account_state;
         INSERT INTO main.account_state SELECT * FROM new.account_state;
         INSERT INTO main.domain SELECT name, created FROM new.domain;
         INSERT INTO main.account SELECT id, address, status, quota_bytes, password, created FROM new.account;
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(db);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(data.join(format!("directory.db{suffix}")));
    }
    fs::rename(old, new).unwrap();
}

#[tokio::test]
async fn a_database_of_the_first_release_keeps_its_bodies() {
    let mail = Mail::new(Place::File).await;
    let bodies = [noise(1, 100), noise(2, 5 * CHUNK), noise(3, 700_000)];
    let mut uids = Vec::new();
    for body in &bodies {
        uids.push(mail.append(body).await);
    }
    let released = mail.append(&noise(4, 600_000)).await;
    mail.expunge(released).await;
    let mail = mail
        .reopened_after(|home| {
            go_back(home);
            directory_goes_back(home.ancestors().nth(3).unwrap());
        })
        .await;
    // The directory knows its account, and takes the jobs that the first release did not have.
    let anne = mail.store.accounts(None).await.unwrap().remove(0).id;
    mail.store.add_job(anne, sterna_store::JobKind::Move).await.unwrap();
    // It has what came later.
    let record = mail.store.accounts(None).await.unwrap().remove(0);
    assert!(record.keep_copy && record.forwards.is_empty() && record.route.is_none());
    let account = mail.store.account(anne).await.unwrap();
    account
        .write(|tx| {
            tx.put_sieve("a", "keep;")?;
            tx.remember("kind", b"key", i64::MAX).map(drop)
        })
        .await
        .unwrap();
    crate::support::queue::sound(&mail.store).await;
    mail.store.enqueue(crate::support::queue::message(&mail.store, b"x", &["a@x.org"])).await.unwrap();
    crate::support::queue::sound(&mail.store).await;
    mail.sound().await;
    for (uid, body) in uids.iter().zip(&bodies) {
        assert!(mail.body(*uid).await.unwrap() == *body);
    }
    // A body of the first release is known by its content, and goes as any other.
    let again = mail.append(&bodies[1]).await;
    assert_eq!((mail.objects(), mail.collect().await, mail.objects()), (4, (0, 2), 2));
    mail.expunge(uids[1]).await;
    assert!(mail.body(again).await.unwrap() == bodies[1]);
    mail.expunge_all().await;
    assert_eq!((mail.collect().await, mail.objects()), ((0, 2), 0));
    // The same content comes back under a key of its own.
    let back = mail.append(&bodies[2]).await;
    assert!(mail.body(back).await.unwrap() == bodies[2]);
    mail.sound().await;
}
