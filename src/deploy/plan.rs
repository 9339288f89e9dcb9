//! What would have to change, so that what is there is what the files say. Pure.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// Something that can be deployed.
pub trait Resource: Clone {
    /// Its name, unique among its like.
    fn name(&self) -> &str;

    /// Everything that matters about it, as one document.
    fn document(&self) -> Value;

    /// Whether we made it. What somebody else made is never changed nor deleted.
    fn is_ours(&self) -> bool;

    /// Whether this one needs `other` to exist: it is made after it and deleted before it.
    fn needs(&self, _other: &Self) -> bool {
        false
    }
}

/// What would be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<R> {
    /// The steps.
    pub steps: Vec<Step<R>>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<R> {
    /// It is not there yet.
    Create(R),
    /// It differs in these fields.
    Update(R, Vec<Difference>),
    /// It is ours, and no file says it any more.
    Delete(R),
    /// No file says it any more, and nobody asked to prune.
    Left(R),
    /// Somebody else has made one of this name; it stays as it is.
    Foreign(R),
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where: `Threshold`, `widgets.0.properties.title`.
    pub field: String,
    /// What is there; `None` for nothing.
    pub from: Option<Value>,
    /// What the files say; `None` for nothing.
    pub to: Option<Value>,
}

impl<R: Resource> Plan<R> {
    /// Compares what the files say, in an order in which each follows what it needs, with what is there.
    pub fn new(desired: &[R], present: &[R], prune: bool) -> Self {
        let mut steps: Vec<_> = desired.iter().filter_map(|wish| Self::step(wish, present)).collect();
        let surplus =
            present.iter().filter(|there| there.is_ours() && !desired.iter().any(|w| w.name() == there.name()));
        let surplus = deletable_first(surplus.cloned().collect());
        steps.extend(surplus.into_iter().map(|there| if prune { Step::Delete(there) } else { Step::Left(there) }));
        Self { steps }
    }

    /// Whether carrying it out would change anything.
    pub fn changes_something(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Create(_) | Step::Update(..) | Step::Delete(_)))
    }

    /// Whether what is there differs from the files in any way, also in ways that are left alone.
    pub fn differs(&self) -> bool {
        !self.steps.is_empty()
    }

    fn step(wish: &R, present: &[R]) -> Option<Step<R>> {
        let Some(there) = present.iter().find(|there| there.name() == wish.name()) else {
            return Some(Step::Create(wish.clone()));
        };
        if !there.is_ours() {
            return Some(Step::Foreign(wish.clone()));
        }
        let differences = differences(&there.document(), &wish.document());
        (!differences.is_empty()).then(|| Step::Update(wish.clone(), differences))
    }
}

/// Whatever nobody left needs comes first.
fn deletable_first<R: Resource>(mut left: Vec<R>) -> Vec<R> {
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = left.iter().position(|one| !left.iter().any(|other| other.name() != one.name() && other.needs(one)));
        ordered.push(left.remove(free.unwrap_or(0)));
    }
    ordered
}

fn differences(from: &Value, to: &Value) -> Vec<Difference> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    flatten("", from, &mut before);
    flatten("", to, &mut after);
    let fields: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
    let difference = |field: String| {
        let (from, to) = (before.get(&field).cloned(), after.get(&field).cloned());
        (from != to).then_some(Difference { field, from, to })
    };
    fields.into_iter().filter_map(difference).collect()
}

/// Every leaf by its path. Numbers are compared as numbers: 100 is 100.0.
fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(key, value)| flatten(&below(key), value, into));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| flatten(&below(&at.to_string()), value, into));
        }
        Value::Null => {}
        Value::Number(number) => drop(into.insert(path.to_owned(), Value::from(number.as_f64().unwrap_or_default()))),
        leaf => drop(into.insert(path.to_owned(), leaf.clone())),
    }
}

impl<R: Resource> fmt::Display for Plan<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            step.fmt(f)?;
        }
        let count = |of: fn(&Step<R>) -> bool| self.steps.iter().filter(|step| of(step)).count();
        let created = count(|step| matches!(step, Step::Create(_)));
        let updated = count(|step| matches!(step, Step::Update(..)));
        let deleted = count(|step| matches!(step, Step::Delete(_)));
        if self.steps.is_empty() {
            return f.write_str("nothing to change\n");
        }
        writeln!(f, "{created} to create, {updated} to change, {deleted} to delete")
    }
}

impl<R: Resource> fmt::Display for Step<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(one) => writeln!(f, "+ {}", one.name()),
            Self::Delete(one) => writeln!(f, "- {}", one.name()),
            Self::Left(one) => writeln!(f, "? {} is in no file any more; `--prune` deletes it", one.name()),
            Self::Foreign(one) => {
                writeln!(f, "! {} was made by somebody else and stays as it is; rename one of the two", one.name())
            }
            Self::Update(one, differences) => {
                writeln!(f, "~ {}", one.name())?;
                let shown =
                    |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
                differences
                    .iter()
                    .try_for_each(|d| writeln!(f, "    {}: {} → {}", d.field, shown(&d.from), shown(&d.to)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Thing(&'static str, Value, bool);

    impl Resource for Thing {
        fn name(&self) -> &str {
            self.0
        }
        fn document(&self) -> Value {
            self.1.clone()
        }
        fn is_ours(&self) -> bool {
            self.2
        }
        fn needs(&self, other: &Self) -> bool {
            self.1["needs"] == other.0
        }
    }

    #[test]
    fn a_change_is_shown_field_by_field_with_numbers_as_numbers() {
        let desired = [Thing("a", json!({ "Threshold": 100, "Metrics": [{ "Id": "m" }] }), true)];
        let present = [Thing("a", json!({ "Threshold": 100.0, "Metrics": [{ "Id": "n" }], "Unit": null }), true)];
        let plan = Plan::new(&desired, &present, false);
        assert_eq!(plan.to_string(), "~ a\n    Metrics.0.Id: \"n\" → \"m\"\n0 to create, 1 to change, 0 to delete\n");
    }

    #[test]
    fn what_somebody_else_made_is_neither_changed_nor_pruned() {
        let desired = [Thing("a", json!(1), true)];
        let present = [Thing("a", json!(2), false), Thing("b", json!(2), false)];
        let plan = Plan::new(&desired, &present, true);
        assert_eq!(plan.steps, [Step::Foreign(desired[0].clone())]);
        assert!(plan.differs() && !plan.changes_something());
    }

    #[test]
    fn what_others_need_is_deleted_after_them_and_only_when_asked() {
        let present = [Thing("child", json!(1), true), Thing("parent", json!({ "needs": "child" }), true)];
        let pruned = Plan::new(&[], &present, true);
        assert_eq!(pruned.steps, [Step::Delete(present[1].clone()), Step::Delete(present[0].clone())]);
        assert!(!Plan::new(&[], &present, false).changes_something());
    }
}
