//! The store over TLS with an authority of its own, and as a user with few rights.

use banto::store::redis::{Options, Tls};

use super::{
    contract::{LONG, begin, eventually, has, put},
    redis::Node,
};
use crate::support::redis::{RedisServer, certificates, free_port};

/// A server that speaks TLS on another port, with the folder of its certificates.
fn start(client_certificates: &str) -> (RedisServer, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port().to_string();
    let (cert, key, ca) = (file("own.pem"), file("own.key"), file("ca.pem"));
    let server = RedisServer::start(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        client_certificates,
    ]);
    (server, format!("rediss://127.0.0.1:{port}"), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_by_the_operators_own_authority_and_by_no_other() {
    let (_server, url, folder) = start("no");
    let tls = Tls { ca: Some(folder.path().join("ca.pem")), client: None };
    let node = Node::connected(Options { tls, silence: LONG, ..Options::at(&url) }).await;
    put(&node.store, "q", begin(&node.store, &["title:a"]).await).await;
    assert!(has(&node.store, "q").await);

    let stranger = tempfile::tempdir().expect("a folder");
    certificates(stranger.path());
    let tls = Tls { ca: Some(stranger.path().join("ca.pem")), client: None };
    let wary = Node::new(Options { tls, ..Options::at(&url) });
    eventually("the operator is told", || async {
        wary.redis
            .trouble()
            .is_some_and(|why| why.contains("no TLS with 127.0.0.1") && why.contains("`tls: { ca: FILE }`"))
    })
    .await;
    assert!(!wary.is_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_a_certificate_gets_this_nodes_own() {
    let (_server, url, folder) = start("yes");
    let file = |name: &str| folder.path().join(name);
    let tls = Tls { ca: Some(file("ca.pem")), client: Some((file("own.pem"), file("own.key"))) };
    let node = Node::connected(Options { tls, silence: LONG, ..Options::at(&url) }).await;
    put(&node.store, "q", vec![]).await;
    assert!(has(&node.store, "q").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_a_right_is_told_the_one_command_that_grants_it() {
    let server = RedisServer::start(&[]);
    assert!(server.say("ACL SETUSER shop on >secret ~{banto:* &banto:changes +@all -object -hset").starts_with("+OK"));
    let url = server.url().replace("redis://", "redis://shop:secret@");
    let node = Node::new(Options { silence: LONG, ..Options::at(&url) });
    eventually("the operator is told", || async { node.redis.trouble().is_some() }).await;
    let told = node.redis.trouble().expect("trouble");
    assert!(
        told.contains("the user `shop` may not use object, hset. Give it what it needs: ACL SETUSER shop"),
        "{told}"
    );

    // The command alone is enough, for a user that had nothing.
    let (_, command) = told.split_once("Give it what it needs: ").expect("a command");
    assert!(server.say("ACL SETUSER shop reset on >secret").starts_with("+OK"));
    assert!(server.say(command).starts_with("+OK"), "{command}");
    node.is_back().await;
    let pair = super::contract::Pair { one: node.store.clone(), two: node.store.clone(), _keep: Box::new(()) };
    put(&pair.one, "q", begin(&pair.one, &["title:a"]).await).await;
    assert!(has(&pair.two, "q").await);
    assert_eq!(pair.one.usage().await.expect("usage").entries, 1);
    assert_eq!(pair.one.page(None, 10).await.expect("page").0.len(), 1);
    assert_eq!(node.faults("denied"), 0, "nothing was refused");
    assert_eq!(node.redis.trouble(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such() {
    let server = RedisServer::start(&["--requirepass", "secret"]);
    let login = Some((None, "wrong".to_owned()));
    let node = Node::new(Options { login, ..Options::at(server.url()) });
    eventually("the operator is told", || async {
        node.redis.trouble().is_some_and(|why| why.contains("refuses the login") && why.contains("Check the user"))
    })
    .await;
    let right = Options { login: Some((None, "secret".into())), silence: LONG, ..Options::at(server.url()) };
    let node = Node::connected(right).await;
    put(&node.store, "q", vec![]).await;
}
