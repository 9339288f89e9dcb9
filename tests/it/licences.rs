//! Everything that is linked in may be given away under our licence.

use std::process::Command;

/// The list of `deny.toml`, read from there.
fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).expect("deny.toml");
    let list = text.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).expect("an allow list").0;
    list.split(',').map(|item| item.trim().trim_matches('"').to_owned()).filter(|item| !item.is_empty()).collect()
}

/// The platform we run on: packages of others may not have been downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_owned()
}

/// Whether an SPDX expression can be met with the allowed licences.
fn admits(expression: &str, allowed: &[String]) -> bool {
    let alternatives = expression.replace(['(', ')'], " ").replace('/', " OR ");
    alternatives
        .split(" OR ")
        .any(|one| one.split(" AND ").all(|licence| allowed.iter().any(|known| known == licence.trim())))
}

#[test]
fn every_dependency_has_a_licence_that_we_accept() {
    let arguments = ["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", &host()];
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "too few packages to be true");
    let allowed = allowed();
    let refused: Vec<_> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(|licence| admits(licence, &allowed)))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert_eq!(refused, [""; 0]);
}
