//! Which parameters of Redis a policy may change, and to what. Everything else stays the operator's.

/// The eviction policies there are.
const POLICIES: [&str; 8] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];
/// Parameters that a policy may change, with the words or the range that each takes.
const ALLOWED: [(&str, Takes); 4] = [
    ("maxmemory-policy", Takes::Words(&POLICIES)),
    ("maxmemory-samples", Takes::Range(3, 20)),
    ("maxmemory-eviction-tenacity", Takes::Range(0, 50)),
    ("lazyfree-lazy-eviction", Takes::Words(&["yes", "no"])),
];

enum Takes {
    Words(&'static [&'static str]),
    Range(u64, u64),
}

/// What is wrong with setting a parameter to a value; `None` when it may be set.
pub fn mistake(parameter: &str, to: &str) -> Option<String> {
    let Some((_, takes)) = ALLOWED.iter().find(|(name, _)| *name == parameter) else {
        let names = ALLOWED.map(|(name, _)| name).join(", ");
        return Some(format!("`{parameter}` is not a parameter of Redis that a policy may change. Use one of {names}"));
    };
    match takes {
        Takes::Words(words) if words.contains(&to) => None,
        Takes::Words(words) => Some(format!("`{parameter}` cannot be `{to}`. Use one of {}", words.join(", "))),
        Takes::Range(from, until) if to.parse::<u64>().is_ok_and(|to| (*from..=*until).contains(&to)) => None,
        Takes::Range(from, until) => Some(format!("`{parameter}` cannot be `{to}`. Use {from} to {until}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_eviction_may_be_changed_and_only_to_what_there_is() {
        assert_eq!(mistake("maxmemory-policy", "allkeys-lru"), None);
        assert_eq!(mistake("maxmemory-samples", "10"), None);
        for (parameter, to) in
            [("maxmemory-policy", "lru"), ("maxmemory-samples", "64"), ("requirepass", "x"), ("dir", "/")]
        {
            assert!(mistake(parameter, to).is_some_and(|why| why.contains("Use ")), "{parameter} {to}");
        }
    }
}
