//! What an operator says to a running Banto from the command line, and what is answered.

use crate::support::banto::Banto;

#[tokio::test]
async fn the_controller_is_held_and_let_go_and_a_restart_does_not_forget() {
    let banto = Banto::start("").await;
    let (code, said) = banto.command(&["hold", "--reason", "migration"]);
    assert_eq!((code, said.as_str()), (0, "The controller is held: migration. `banto resume` lets it act again.\n"));
    let banto = Banto::start_in(banto.kill(), "").await;
    let held = look(&banto.url("/api/v1/hold")).await;
    assert_eq!(held["hold"]["reason"], "migration", "{held}");
    let (code, said) = banto.command(&["resume"]);
    assert_eq!((code, said.as_str()), (0, "The controller acts again.\n"));
    assert!(look(&banto.url("/api/v1/hold")).await["hold"].is_null());
}

#[tokio::test]
async fn an_answer_to_nothing_says_so_and_no_incident_is_no_error() {
    let banto = Banto::start("").await;
    let (code, said) = banto.command(&["approve", "grow-pool@2026-11-20T10:22:05Z"]);
    assert_eq!(code, 1);
    assert!(said.contains("nothing called `grow-pool@2026-11-20T10:22:05Z` waits for an answer"), "{said}");
    assert_eq!(banto.command(&["approve", "--unlock", "grow-pool"]).0, 1);
    assert_eq!(banto.command(&["incidents"]), (0, "No incidents.\n".into()));
    assert_eq!(banto.command(&["incidents", "--json"]), (0, "[]\n".into()));
}

async fn look(url: &str) -> serde_json::Value {
    let (status, body) = crate::support::banto::get(url).await.expect("it answers");
    assert_eq!(status, 200);
    serde_json::from_str(&body).expect("JSON")
}
