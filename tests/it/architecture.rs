//! The lines between the rooms, held by a test.

use std::path::{Path, PathBuf};

/// Every Rust file below a path of `src/`.
fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(below);
    let mut open = vec![root];
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).expect("a readable folder").flatten().map(|entry| entry.path()));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push((path.clone(), std::fs::read_to_string(&path).expect("a readable file")));
        }
    }
    assert!(!files.is_empty(), "src/{below} is gone: this test would prove nothing");
    files
}

/// The code of a file up to its tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

fn offenders(rooms: &[&str], banned: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in rooms.iter().flat_map(|room| sources(room)) {
        for (number, line) in code(&text) {
            for word in banned.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    found
}

#[test]
fn engine_and_controller_never_import_each_other() {
    assert_eq!(offenders(&["engine"], &["crate::controller", "controller::"]), [""; 0]);
    assert_eq!(offenders(&["controller"], &["crate::engine", "engine::"]), [""; 0]);
}

#[test]
fn judging_diagnosing_and_deciding_touch_nothing() {
    let io = [
        ".await",
        "async ",
        "tokio::",
        "std::fs",
        "std::net",
        "std::time::Instant",
        "redis::",
        "rusqlite",
        "aws_",
        "hyper",
    ];
    let pure = ["controller/judge", "controller/diagnose", "controller/decide", "units.rs"];
    assert_eq!(offenders(&pure, &io), [""; 0]);
}

#[test]
fn each_foreign_client_is_named_in_one_room_only() {
    let mut rooms = vec![];
    for (path, text) in sources("") {
        let room = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src").to_owned();
        let names = |word: &str| code(&text).any(|(_, line)| line.contains(word));
        if names("aws_sdk_") && !room.starts_with("aws") {
            rooms.push(format!("{} names the AWS SDK", room.display()));
        }
        if names("redis::Client") && !room.starts_with("store/redis") {
            rooms.push(format!("{} names the Redis client", room.display()));
        }
    }
    assert_eq!(rooms, [""; 0]);
}

#[test]
fn the_ground_floor_knows_no_room_above_it() {
    let above = [
        "crate::engine",
        "crate::controller",
        "crate::app",
        "crate::api",
        "crate::cli",
        "crate::drill",
        "crate::deploy",
    ];
    let ground = [
        "units.rs",
        "ids.rs",
        "clock.rs",
        "digest.rs",
        "dice.rs",
        "tasks.rs",
        "config",
        "telemetry",
        "store",
        "resolve",
        "endpoints",
        "outbound.rs",
    ];
    assert_eq!(offenders(&ground, &above), [""; 0]);
}
