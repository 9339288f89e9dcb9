//! `banto check` as an operator meets it: the exit code and every line that it prints.

use std::process::Command;

use crate::support::banto::run;

fn check(arguments: &[&str]) -> (i32, String) {
    run(Command::new(env!("CARGO_BIN_EXE_banto")).arg("check").args(arguments).env_remove("BANTO_CONFIG"))
}

#[test]
fn the_shipped_files_are_right_and_it_says_what_it_looked_at() {
    let (code, said) = check(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(" policies, ") && said.ends_with(": nothing is wrong\n"), "{said}");
}

#[test]
fn every_mistake_of_every_file_is_told_in_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    std::fs::create_dir_all(folder.path().join("policies")).expect("a folder");
    std::fs::create_dir_all(folder.path().join("alarms")).expect("a folder");
    for name in ["intents.yaml", "language.yaml", "messages.yaml", "titles.yaml"] {
        std::fs::copy(format!("{shipped}/{name}"), folder.path().join("policies").join(name)).expect("copied");
    }
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
    write("alarms/a.yaml", include_str!("../golden/check/alarms.yaml"));
    write("policies/p.yaml", include_str!("../golden/check/policies.yaml"));
    let path = folder.path().display().to_string();
    let (code, said) = check(&[&path]);
    assert_eq!((code, said.as_str()), (78, include_str!("../golden/check/said.txt")), "\n{said}");
    let (code, json) = check(&[&path, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, report["problems"][0]["line"].as_u64()), (78, Some(9)), "{json}");
}
