//! What was stored comes back, whatever its size, from either kind of place.

use sterna_store::{CHUNK, Error};

use super::mail::{Mail, Place, append, noise, prepare, s3_config};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn bodies_of_every_size_come_back_and_leave_nothing_when_they_go() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        // Around the inline limit, one PUT and the beginning of parts, and far beyond.
        let sizes = [0, 1, CHUNK, 2 * CHUNK - 100, 2 * CHUNK, 3 * CHUNK + 1, 8 * MIB - 700, 8 * MIB, 30_000_000];
        let mut large = 0;
        for (seed, size) in (1..).zip(sizes) {
            let body = noise(seed, size);
            let uid = mail.append(&body).await;
            large += usize::from(size >= 2 * CHUNK);
            assert_eq!(mail.objects(), large, "after a body of {size} bytes");
            assert!(mail.body(uid).await.unwrap() == body, "a body of {size} bytes");
            for (offset, length) in [(0, 10), (CHUNK - 1, 2), (size / 2, 3 * CHUNK), (size.max(5) - 5, 100), (size, 1)]
            {
                let expected = &body[offset.min(size)..(offset + length).min(size)];
                let got = mail.range(uid, offset as u64, length as u64).await.unwrap();
                assert!(got == expected, "{length} bytes from {offset} of {size}");
            }
        }
        assert_eq!(mail.spooled(), 0);
        mail.sound().await;
        let mail = mail.reopened().await;
        mail.sound().await;
        mail.expunge_all().await;
        assert_eq!((mail.collect().await, mail.objects()), ((0, large as u64), 0));
        mail.sound().await;
    }
}

#[tokio::test]
async fn a_body_that_is_there_already_is_stored_once() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        let body = noise(1, 600_000);
        let first = mail.append(&body).await;
        let second = mail.append(&body).await;
        assert_eq!((mail.objects(), mail.collect().await, mail.objects()), (2, (0, 1), 1));
        mail.expunge(first).await;
        assert_eq!((mail.collect().await, mail.objects()), ((0, 0), 1));
        assert!(mail.body(second).await.unwrap() == body);
        mail.sound().await;
    }
}

#[tokio::test]
async fn a_failed_transaction_leaves_a_body_that_can_be_stored_after_all() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        let body = noise(1, 600_000);
        let email = std::sync::Arc::new(prepare(&mail.account, &body).await.unwrap());
        let (inbox, again) = (mail.inbox, email.clone());
        let failed = mail.account.write(move |tx| {
            tx.append(inbox, &again, &sterna_core::Flags::default())?;
            Err::<(), _>(Error::Invalid("on purpose".into()))
        });
        assert!(failed.await.is_err());
        let email = std::sync::Arc::into_inner(email).unwrap();
        let uid = append(&mail.account, inbox, email).await.unwrap();
        assert_eq!(mail.collect().await, (0, 0));
        assert!(mail.body(uid).await.unwrap() == body);
        mail.sound().await;
    }
}

#[tokio::test]
async fn a_removed_account_leaves_no_object() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        let gone = mail.append(&noise(1, 600_000)).await;
        mail.append(&noise(2, 600_000)).await;
        let prepared = prepare(&mail.account, &noise(3, 600_000)).await.unwrap();
        mail.expunge(gone).await;
        assert_eq!(mail.objects(), 3);
        mail.store.remove_account(mail.account.id()).await.unwrap();
        drop(prepared);
        match &mail.place {
            Place::File => assert!(!mail.account.home().exists()),
            Place::S3(place) => assert_eq!(place.objects().len(), 0),
        }
    }
}

#[tokio::test]
async fn an_object_that_is_missing_or_of_another_length_is_damage() {
    use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
    let mail = Mail::new(Place::S3(sterna_tests::backend::fresh_s3())).await;
    let Place::S3(place) = &mail.place else { unreachable!() };
    let body = noise(1, 3 * CHUNK);
    let uid = mail.append(&body).await;
    let config = s3_config(place);
    let s3 = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(&config.endpoint)
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_access_key_id(&config.access_key_id)
        .with_secret_access_key(&config.secret_access_key)
        .with_allow_http(true)
        .build()
        .unwrap();
    let key = place.objects().into_keys().next().unwrap();
    let path = object_store::path::Path::from(format!("{}{key}", place.prefix));
    let whole = s3.get_opts(&path, Default::default()).await.unwrap().bytes().await.unwrap();
    let flipped: Vec<u8> = whole.iter().enumerate().map(|(n, b)| if n == 1000 { b ^ 1 } else { *b }).collect();
    for (damaged, readable) in
        [(whole.slice(..100), false), (whole.slice(..whole.len() - 1), false), (flipped.into(), true)]
    {
        s3.put(&path, PutPayload::from(damaged)).await.unwrap();
        let mail_body = mail.body(uid).await;
        assert!(readable || matches!(mail_body, Err(Error::Corrupt(_))));
        assert!(mail_body != Ok(body.clone()));
        let report = mail.account.check(|_, _| Ok(())).await.unwrap();
        assert_eq!(report.findings.iter().map(|f| f.invariant).collect::<Vec<_>>(), [11]);
    }
    s3.delete(&path).await.unwrap();
    assert!(matches!(mail.body(uid).await, Err(Error::Corrupt(_))));
    s3.put(&path, PutPayload::from(whole)).await.unwrap();
    assert!(mail.body(uid).await.unwrap() == body);
    mail.sound().await;
}
