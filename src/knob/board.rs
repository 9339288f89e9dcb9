//! The board: every knob's present value, who set it, why, until when, and what it was before.
//!
//! Changes are compare-and-set on the knob's own version, so that two writers cannot overwrite each other unseen. A
//! temporary change returns by itself at its deadline ([`Board::expire`], called by the engine): a controller that died
//! cannot leave cache-only mode on.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    catalogue::{Catalogue, Returns},
    value::Value,
};
use crate::{clock::Timestamp, digest::Digest, ids::KnobName};

/// How many past changes the board remembers.
const HISTORY: usize = 1_000;

/// A knob's present setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The value in force.
    pub value: Value,
    /// Grows with every change of this knob; 0 is the configured value.
    pub version: u64,
    /// Who set it: `policy:calm-a-backoff-storm`, `operator:aiko`, `expiry`, `configuration`.
    pub author: String,
    /// Why, in a sentence.
    pub reason: String,
    /// The incident it was set in, if any.
    pub incident: Option<String>,
    /// When it returns by itself, to the configured value or the one before; `None` stays.
    pub expires: Option<Timestamp>,
    /// The value before, of knobs that return to it. A change that only renews another keeps where that returns to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
}

impl Setting {
    /// Whether nobody holds the knob: it stands where the files have it because nobody turned it, because the time of whoever
    /// did was over, or because a policy took back what it had done.
    pub fn is_nobodys(&self, configured: &Value) -> bool {
        let was_taken_back = self.author.starts_with("policy:") && self.value == *configured;
        self.expires.is_none() && (["expiry", "configuration"].contains(&self.author.as_str()) || was_taken_back)
    }
}

/// A wish to change a knob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Which knob.
    pub knob: KnobName,
    /// Its new value.
    pub to: Value,
    /// The version it is expected to have; `None` takes any.
    pub expect: Option<u64>,
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// In which incident.
    pub incident: Option<String>,
    /// Until when; `None` for a lasting change.
    pub expires: Option<Timestamp>,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// When.
    pub at: Timestamp,
    /// Which knob.
    pub knob: KnobName,
    /// What it was: setting it again undoes the change.
    pub from: Value,
    /// What it is now, with author, reason and deadline.
    pub setting: Setting,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such knob.
    #[error("no knob is called `{knob}`{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        knob: KnobName,
        /// The most similar known name.
        nearest: Option<KnobName>,
    },
    /// Outside the knob's bounds.
    #[error("`{knob}` stays as it is: {why}")]
    Bounds {
        /// Which knob.
        knob: KnobName,
        /// Which bound.
        why: String,
    },
    /// Somebody else changed it first.
    #[error(
        "`{knob}` was changed by {author} meanwhile (version {found}, expected {expected}); look again, then decide"
    )]
    Moved {
        /// Which knob.
        knob: KnobName,
        /// Who changed it.
        author: String,
        /// Its version now.
        found: u64,
        /// The version the change expected.
        expected: u64,
    },
}

/// All settings that differ from the configuration, as of one version. Small enough to send around whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Grows with every change of any knob.
    pub version: u64,
    /// The knobs that were ever changed.
    pub settings: BTreeMap<KnobName, Setting>,
}

impl Document {
    /// What it says, in a number: two that say the same have the same, whatever their versions.
    pub fn digest(&self) -> u64 {
        let said = serde_json::to_vec(&self.settings).unwrap_or_default();
        let Digest([a, b, c, d, e, f, g, h, ..]) = Digest::of([said.as_slice()]);
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The knobs of one engine, shared by everything that reads or turns them.
#[derive(Debug)]
pub struct Board {
    catalogue: ArcSwap<Catalogue>,
    state: Mutex<State>,
    latest: watch::Sender<Arc<Document>>,
}

#[derive(Debug, Default)]
struct State {
    document: Document,
    history: VecDeque<Changed>,
}

impl Board {
    /// A board where every knob stands at its configured value.
    pub fn new(catalogue: Catalogue) -> Self {
        Self {
            catalogue: ArcSwap::from_pointee(catalogue),
            state: Mutex::default(),
            latest: watch::Sender::new(Arc::default()),
        }
    }

    /// Which knobs there are now.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    /// Takes over a configuration that was read anew. What stands at its configured value moves to the new one; what
    /// somebody has turned stays, unless the new bounds do not allow it.
    pub fn reconfigure(&self, catalogue: Catalogue, now: Timestamp) -> Vec<Changed> {
        let mut state = self.state();
        let catalogue = Arc::new(catalogue);
        let before = self.catalogue.swap(catalogue.clone());
        let moves = |(name, setting): (&KnobName, &Setting)| {
            let knob = catalogue.get(name)?;
            let is_nobodys = before.get(name).is_some_and(|before| setting.is_nobodys(&before.default));
            let is_configured = is_nobodys && knob.returns == Returns::Configured;
            let fits = knob.bounds.admit(&setting.value, &setting.value).is_ok();
            let moves = setting.value != knob.default && (is_configured || !fits);
            moves.then(|| (name.clone(), setting.value.clone(), knob.default.clone()))
        };
        let moved: Vec<_> = state.document.settings.iter().filter_map(moves).collect();
        let to_new = |(knob, from, to): (KnobName, Value, Value)| {
            let change = Change {
                knob,
                to,
                expect: None,
                author: "configuration".into(),
                reason: "the files were read anew".into(),
                incident: None,
                expires: None,
            };
            self.apply(&mut state, change, from, now)
        };
        moved.into_iter().map(to_new).collect()
    }

    /// A knob's present setting; `None` when there is no such knob.
    pub fn get(&self, knob: &str) -> Option<Setting> {
        let catalogue = self.catalogue.load();
        let configured = catalogue.get(knob)?;
        let set = self.state().document.settings.get(knob).cloned();
        Some(set.unwrap_or_else(|| Setting {
            value: configured.default.clone(),
            version: 0,
            author: "configuration".into(),
            reason: "the configured value".into(),
            incident: None,
            expires: None,
            before: None,
        }))
    }

    /// Makes a change, if its bounds and its expectation allow it.
    ///
    /// # Errors
    /// [`Refused`] says why not; then nothing has changed.
    pub fn set(&self, change: Change, now: Timestamp) -> Result<Changed, Refused> {
        let present = self.get(&change.knob).ok_or_else(|| Refused::Unknown {
            knob: change.knob.clone(),
            nearest: self.catalogue.load().nearest(&change.knob).cloned(),
        })?;
        if let Some(knob) = self.catalogue.load().get(&change.knob) {
            let admitted = knob.bounds.admit(&present.value, &change.to);
            admitted.map_err(|why| Refused::Bounds { knob: change.knob.clone(), why })?;
        }
        let mut state = self.state();
        let found = state.document.settings.get(&change.knob).map_or(0, |setting| setting.version);
        if let Some(expected) = change.expect.filter(|expected| *expected != found) {
            let author = state.document.settings.get(&change.knob).map_or(present.author, |s| s.author.clone());
            return Err(Refused::Moved { knob: change.knob, author, found, expected });
        }
        Ok(self.apply(&mut state, change, present.value, now))
    }

    /// Returns every change whose deadline has passed to where its knob returns to; what was returned.
    pub fn expire(&self, now: Timestamp) -> Vec<Changed> {
        let mut state = self.state();
        let due = |setting: &Setting| setting.expires.is_some_and(|at| at <= now);
        let expired: Vec<_> =
            state.document.settings.iter().filter(|(_, s)| due(s)).map(|(k, s)| (k.clone(), s.clone())).collect();
        let back = |(knob, old): (KnobName, Setting)| {
            let configured = self.catalogue.load().get(&knob)?.default.clone();
            let to = old.before.clone().unwrap_or(configured);
            let reason = format!("the time that {} had set was over", old.author);
            let change = Change {
                knob,
                to,
                expect: None,
                author: "expiry".into(),
                reason,
                incident: old.incident,
                expires: None,
            };
            Some(self.apply(&mut state, change, old.value, now))
        };
        expired.into_iter().filter_map(back).collect()
    }

    /// The next deadline, to wake up for.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.state().document.settings.values().filter_map(|setting| setting.expires).min()
    }

    /// Takes over a newer document of the fleet, if the board still stands at the version `seen`; `false` when the document
    /// is not newer or the board has moved on. Knobs that this node does not have, and values outside its bounds, are left
    /// out.
    pub fn adopt(&self, document: Document, seen: u64) -> bool {
        let mut state = self.state();
        let present = state.document.version;
        if document.version <= present || seen != present {
            return false;
        }
        state.document = document;
        let fits = |knob: &KnobName, value: &Value| {
            self.catalogue.load().get(knob).is_some_and(|knob| knob.bounds.admit(value, value).is_ok())
        };
        state.document.settings.retain(|knob, setting| fits(knob, &setting.value));
        self.latest.send_replace(Arc::new(state.document.clone()));
        true
    }

    /// The document as it stands.
    pub fn document(&self) -> Arc<Document> {
        self.latest.borrow().clone()
    }

    /// The document as it stands, and every later one.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Document>> {
        self.latest.subscribe()
    }

    /// The document's version.
    pub fn version(&self) -> u64 {
        self.latest.borrow().version
    }

    /// The newest changes, newest first, at most `most`.
    pub fn history(&self, most: usize) -> Vec<Changed> {
        self.state().history.iter().rev().take(most).cloned().collect()
    }

    fn apply(&self, state: &mut State, change: Change, from: Value, now: Timestamp) -> Changed {
        state.document.version += 1;
        let old = state.document.settings.get(&change.knob);
        let version = old.map_or(0, |setting| setting.version) + 1;
        let returns = self.catalogue.load().get(&change.knob).map(|knob| knob.returns).unwrap_or_default();
        let before = match (returns, old) {
            (Returns::Configured, _) => None,
            (Returns::Before, Some(old)) if old.value == change.to => old.before.clone(),
            (Returns::Before, _) => Some(from.clone()),
        };
        let Change { knob, to, author, reason, incident, expires, .. } = change;
        let setting = Setting { value: to, version, author, reason, incident, expires, before };
        state.document.settings.insert(knob.clone(), setting.clone());
        let changed = Changed { at: now, knob, from, setting };
        state.history.push_back(changed.clone());
        if state.history.len() > HISTORY {
            state.history.pop_front();
        }
        self.latest.send_replace(Arc::new(state.document.clone()));
        changed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::knob::catalogue::EngineDefaults;

    fn board() -> Board {
        Board::new(Catalogue::new(&EngineDefaults::default(), &[], &[]))
    }

    fn change(knob: &str, to: Value) -> Change {
        Change {
            knob: knob.into(),
            to,
            expect: None,
            author: "test".into(),
            reason: "a test".into(),
            incident: None,
            expires: None,
        }
    }

    #[test]
    fn a_change_that_expected_another_version_is_refused_and_names_the_other_writer() {
        let board = board();
        board.set(change("rate_limit.rate", Value::Count(5_000)), Timestamp(0)).expect("within bounds");
        let late = Change { expect: Some(0), ..change("rate_limit.rate", Value::Count(3_000)) };
        let refused = board.set(late, Timestamp(1)).expect_err("the version moved on");
        assert_eq!(
            refused.to_string(),
            "`rate_limit.rate` was changed by test meanwhile (version 1, expected 0); look again, then decide"
        );
    }

    #[test]
    fn a_temporary_change_returns_at_its_deadline() {
        let board = board();
        let until = Timestamp(60_000);
        let cache_only = Change { expires: Some(until), ..change("engine.mode", Value::Choice("cache_only".into())) };
        board.set(cache_only, Timestamp(0)).expect("a known mode");
        assert!(board.expire(until - Duration::from_millis(1)).is_empty());
        assert_eq!(board.expire(until).len(), 1);
        let setting = board.get("engine.mode").expect("a known knob");
        assert_eq!((setting.value, setting.expires, setting.version), (Value::Choice("normal".into()), None, 2));
    }

    #[test]
    fn a_prompts_version_returns_to_the_one_before_and_not_to_where_it_began() {
        let prompts = |words: &[&str]| {
            let mut knobs = Catalogue::new(&EngineDefaults::default(), &[], &[]);
            knobs.add_prompts([("prompt.p".to_owned(), words.iter().map(ToString::to_string).collect())]);
            knobs
        };
        let board = Board::new(prompts(&["off", "v1", "v2", "v3"]));
        let to = |version: &str, expires| {
            let change = Change { expires, ..change("prompt.p", Value::Choice(version.into())) };
            board.set(change, Timestamp(0)).expect("a known version")
        };
        let value = || board.get("prompt.p").map(|setting| setting.value.to_string());
        to("v1", None);
        to("v2", Some(Timestamp(60)));
        to("v2", Some(Timestamp(90)));
        assert_eq!(board.expire(Timestamp(90)).len(), 1);
        assert_eq!(value().as_deref(), Some("v1"));
        to("v2", Some(Timestamp(120)));
        to("v2", None);
        assert!(board.expire(Timestamp(120)).is_empty(), "it stays");
        to("v3", Some(Timestamp(150)));
        board.expire(Timestamp(150));
        assert_eq!(value().as_deref(), Some("v2"));
        board.reconfigure(prompts(&["off", "v2", "v4"]), Timestamp(160));
        assert_eq!(value().as_deref(), Some("v2"), "changed files deploy nothing");
    }

    #[test]
    fn a_new_configuration_moves_what_stands_at_its_configured_value_and_nothing_else() {
        let board = board();
        let ended = Change { expires: Some(Timestamp(1)), ..change("rate_limit.burst", Value::Count(5_000)) };
        board.set(ended, Timestamp(0)).expect("within bounds");
        board.expire(Timestamp(1));
        board.set(change("rate_limit.rate", Value::Count(3_000)), Timestamp(1)).expect("within bounds");
        let engine = EngineDefaults { rate: 1_000, burst: 1_500, ..EngineDefaults::default() };
        let moved = board.reconfigure(Catalogue::new(&engine, &[], &[]), Timestamp(2));
        let value = |knob| board.get(knob).map(|setting| setting.value);
        assert_eq!(moved.len(), 1);
        assert_eq!(value("rate_limit.burst"), Some(Value::Count(1_500)));
        assert_eq!(value("rate_limit.rate"), Some(Value::Count(3_000)), "turned by hand, and within the new bounds");
        assert_eq!(
            board.catalogue().get("rate_limit.rate").map(|knob| knob.default.clone()),
            Some(Value::Count(1_000))
        );
    }

    #[test]
    fn what_a_policy_took_back_is_nobodys_and_moves_with_a_new_configuration() {
        let board = board();
        let configured = |knob: &str| board.get(knob).expect("a known knob").value;
        let by_a_policy = |knob: &str, to| Change { author: "policy:calm".into(), ..change(knob, to) };
        for (knob, to) in
            [("rate_limit.burst", configured("rate_limit.burst")), ("rate_limit.rate", Value::Count(3_000))]
        {
            board.set(by_a_policy(knob, to), Timestamp(1)).expect("within bounds");
        }
        let engine = EngineDefaults { rate: 1_000, burst: 1_500, ..EngineDefaults::default() };
        board.reconfigure(Catalogue::new(&engine, &[], &[]), Timestamp(2));
        assert_eq!(configured("rate_limit.burst"), Value::Count(1_500), "taken back");
        assert_eq!(configured("rate_limit.rate"), Value::Count(3_000), "still in force");
    }

    #[test]
    fn bounds_hold_whoever_asks() {
        let refused = board().set(change("retry.max_attempts", Value::Count(50)), Timestamp(0)).expect_err("too many");
        assert_eq!(refused.to_string(), "`retry.max_attempts` stays as it is: 50 is outside 0 to 5");
    }
}
