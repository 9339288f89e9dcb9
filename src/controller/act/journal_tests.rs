//! What a restart finds.

use super::*;
use crate::controller::act::rows::DECISIONS;
use crate::controller::{
    alarm::Severity,
    decide::{episode::Phase, state::Hold},
    notice::NoticeKind,
    notify::outbox::{Delivery, DeliveryState, Outbox},
};

fn notice(id: &str, kind: NoticeKind, at: i64) -> Notice {
    Notice {
        id: id.into(),
        dedup_key: "Storm@t".into(),
        kind,
        severity: Severity::P2,
        at: Timestamp(at),
        summary: "s".into(),
        body: "b".into(),
        links: Vec::new(),
    }
}

fn sent(at: i64) -> Delivery {
    Delivery { state: DeliveryState::Sent, at: Timestamp(at), attempts: 1, reason: String::new() }
}

#[test]
fn a_restart_finds_open_episodes_the_hold_switch_and_open_incidents() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let hold = Hold { by: "aiko".into(), reason: "migration".into(), since: Timestamp(1) };
    let standing = Standing { hold: Some(hold), ..Standing::default() };
    let open = Episode::begin(&"calm".into(), "i", 2, Phase::Acting, Timestamp(5));
    let closed = Episode { phase: Phase::Closed, id: "old".into(), ..open.clone() };
    let incident = Incident::opening("i".into(), None, Severity::P2, Timestamp(5), "r");
    let changes = Changes {
        episodes: vec![open.clone(), closed],
        incidents: vec![incident.clone()],
        standing: Some(standing.clone()),
        ..Changes::default()
    };
    Journal::open(&path).expect("a new journal").write(&changes).expect("written");
    let journal = Journal::open(&path).expect("the same journal");
    let state = journal.state().expect("readable");
    assert_eq!(state.episodes.values().collect::<Vec<_>>(), [&open]);
    assert_eq!(state.standing, standing);
    assert_eq!(journal.open_incidents().expect("readable"), [incident]);
}

#[test]
fn a_file_that_is_no_journal_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    std::fs::write(&path, "this is not a database, but it is long enough to be taken for one".repeat(20))
        .expect("written");
    let error = Journal::open(&path).expect_err("not a journal");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("Move it away and start again"));
}

#[test]
fn a_journal_of_a_newer_banto_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    Connection::open(&path).expect("new").pragma_update(None, "user_version", 99).expect("set");
    assert!(matches!(Journal::open(&path), Err(JournalError::Newer { found: 99, .. })));
}

#[test]
fn a_journal_has_one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let _first = Journal::open(&path).expect("a new journal");
    assert!(matches!(Journal::open(&path), Err(JournalError::InUse { .. })));
}

#[test]
fn the_log_of_decisions_is_bounded() {
    let journal = Journal::in_memory().expect("a journal");
    let line = |at| Decided { at: Timestamp(at), policy: "p".into(), outcome: "held".into(), why: "w".into() };
    for batch in 0..12 {
        let decisions = (0..1_000).map(|n| line(batch * 1_000 + n)).collect();
        journal.write(&Changes { decisions, ..Changes::default() }).expect("written");
    }
    let kept = journal.decisions(usize::MAX >> 1).expect("readable");
    assert_eq!((kept.len() as i64, kept[0].at), (DECISIONS, Timestamp(11_999)));
}

#[tokio::test]
async fn a_notice_waits_until_it_is_closed_and_a_resolve_closes_what_came_before() {
    let journal = Journal::in_memory().expect("a journal");
    let trigger = notice("1", NoticeKind::Trigger, 10);
    journal.write(&Changes { notices: vec![trigger.clone()], ..Changes::default() }).expect("written");
    journal.put(&trigger).await.expect("known already");
    assert!(journal.due(Timestamp(9), 10).await.expect("readable").is_empty(), "not before its time");
    assert_eq!(journal.due(Timestamp(10), 10).await.expect("readable").len(), 1);

    Outbox::record(&journal, "1", "pagerduty", &sent(11)).await.expect("written");
    journal.rest("1", Timestamp(1_000)).await.expect("written");
    assert!(journal.due(Timestamp(999), 10).await.expect("readable").is_empty());
    let told = journal.told("pagerduty", "Storm@t").await.expect("readable").expect("was told");
    assert_eq!((told.notice.as_str(), told.kind, told.at), ("1", NoticeKind::Trigger, Timestamp(11)));
    assert_eq!(journal.told("sns", "Storm@t").await.expect("readable"), None);

    journal.put(&notice("2", NoticeKind::Resolve, 20)).await.expect("written");
    journal.close("2").await.expect("written");
    assert!(journal.due(Timestamp(i64::MAX), 10).await.expect("readable").is_empty(), "the resolve ends its episode");
}
