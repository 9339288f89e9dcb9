//! What can be said of prompts from their files alone.

use std::path::Path;

use serde::Serialize;

use crate::{
    cli::{Exit, read_files},
    config::{files::Files, problem::Problems},
    engine::prompt::{
        difference::Difference,
        file, least,
        library::{Library, Version},
        lint::{Dynamic, Finding, lint as find},
    },
};

/// One version, as listed.
#[derive(Serialize)]
struct Listed {
    prompt: String,
    version: String,
    wanted: bool,
    digest: String,
    bytes: usize,
    tokens: u64,
    dynamic: usize,
}

/// What was found in one text.
#[derive(Serialize)]
struct Linted {
    what: String,
    tokens: u64,
    too_short: bool,
    findings: Vec<Finding>,
}

/// A text, and what in it is meant.
struct Text {
    name: String,
    text: String,
    allow: Vec<Dynamic>,
}

pub(super) fn list(folder: Option<&Path>, json: bool) -> Exit {
    let library = match library(folder) {
        Ok(library) => library,
        Err(exit) => return exit,
    };
    let listed: Vec<_> = library
        .prompts
        .iter()
        .flat_map(|prompt| {
            prompt.versions.iter().map(|version| Listed {
                prompt: prompt.name.to_string(),
                version: version.name.to_string(),
                wanted: version.name == prompt.wanted,
                digest: version.digest.to_string()[..8].to_owned(),
                bytes: version.text.len(),
                tokens: least::tokens(&version.text),
                dynamic: version.findings().len(),
            })
        })
        .collect();
    if json {
        return print_json(&listed);
    }
    println!("deployed at {}", library.terms.window);
    if listed.is_empty() {
        println!("there are no prompts: write `prompt: NAME` documents below prompts/");
    }
    for it in &listed {
        let wanted = if it.wanted { "  wanted" } else { "" };
        let dynamic = if it.dynamic > 0 { format!("  {} dynamic places", it.dynamic) } else { String::new() };
        println!(
            "{:<24} {:<12} {}  {:>6} bytes, about {} tokens{wanted}{dynamic}",
            it.prompt, it.version, it.digest, it.bytes, it.tokens
        );
    }
    Exit::Done
}

pub(super) fn lint(what: &[String], folder: Option<&Path>, least: u64, json: bool) -> Exit {
    let texts = match texts(what, folder) {
        Ok(texts) => texts,
        Err(exit) => return exit,
    };
    let linted = |text: &Text| {
        let tokens = least::tokens(&text.text);
        let findings = find(&text.text, &text.allow);
        Linted { what: text.name.clone(), tokens, too_short: tokens < least, findings }
    };
    let linted: Vec<_> = texts.iter().map(linted).collect();
    let is_clean = linted.iter().all(|it| it.findings.is_empty() && !it.too_short);
    if json {
        print_json(&linted);
    } else {
        for it in &linted {
            for found in &it.findings {
                println!("{}:{}:{}: {}", it.what, found.line, found.column, found.words());
            }
            if it.too_short {
                println!(
                    "{}: about {} tokens, and the provider keeps prefixes from {least} on: nothing of it is cached \
                     unless the application sends more in front of the conversation",
                    it.what, it.tokens
                );
            }
        }
        if is_clean {
            println!("{} texts: nothing in them changes", linted.len());
        }
    }
    if is_clean { Exit::Done } else { Exit::Failed }
}

pub(super) fn diff(one: &str, other: &str, folder: Option<&Path>, json: bool) -> Exit {
    let both = [one.to_owned(), other.to_owned()];
    let texts = match texts(&both, folder) {
        Ok(texts) => texts,
        Err(exit) => return exit,
    };
    let [a, b] = &texts[..] else {
        eprintln!("banto: name two texts: files of plain text, or `NAME@VERSION`");
        return Exit::Failed;
    };
    let found = Difference::between(&a.text, &b.text);
    if json {
        print_json(&found);
    } else {
        match &found {
            None => println!("{one} and {other} are the same, byte for byte"),
            Some(it) => {
                println!(
                    "byte {} of {} (line {}, column {}) is the first that differs",
                    it.byte, it.of, it.line, it.column
                );
                println!("  {one}: …{}…", it.before.escape_debug());
                println!("  {other}: …{}…", it.after.escape_debug());
                println!("nothing behind it is found in a provider's cache that knows {one}");
            }
        }
    }
    if found.is_some() { Exit::Differs } else { Exit::Done }
}

fn library(folder: Option<&Path>) -> Result<Library, Exit> {
    let files = folder.map_or_else(|| Ok(Files::shipped()), read_files)?;
    let mut problems = Problems::default();
    let library = file::load(&files, &mut problems);
    problems.or(library).map_err(|problems| {
        eprintln!("{problems}");
        Exit::Misconfigured
    })
}

/// The texts that are named: versions, files of prompts, other files as they are; every version without names.
fn texts(what: &[String], folder: Option<&Path>) -> Result<Vec<Text>, Exit> {
    if what.is_empty() {
        return Ok(all(&library(folder)?));
    }
    let mut texts = Vec::new();
    for name in what {
        match name.split_once('@').filter(|_| !Path::new(name).exists()) {
            Some((prompt, version)) => texts.push(version_text(&library(folder)?, prompt, version)?),
            None => texts.extend(file_texts(name)?),
        }
    }
    Ok(texts)
}

fn all(library: &Library) -> Vec<Text> {
    library.prompts.iter().flat_map(|prompt| &prompt.versions).map(Text::of).collect()
}

fn version_text(library: &Library, prompt: &str, version: &str) -> Result<Text, Exit> {
    let found = library.get(prompt).and_then(|prompt| prompt.version(version));
    found.map(Text::of).ok_or_else(|| {
        eprintln!("banto: there is no `{prompt}@{version}`; `banto prompts list` shows what there is");
        Exit::Failed
    })
}

fn file_texts(name: &str) -> Result<Vec<Text>, Exit> {
    let text = std::fs::read_to_string(name).map_err(|error| {
        eprintln!("banto: {name} cannot be read: {error}");
        Exit::Failed
    })?;
    let is_prompts = name.ends_with(".yaml") || name.ends_with(".yml");
    if !is_prompts {
        return Ok(vec![Text { name: name.to_owned(), text, allow: Vec::new() }]);
    }
    let mut problems = Problems::default();
    let library = file::load(&Files::of([(format!("prompts/{name}").as_str(), text.as_str())]), &mut problems);
    problems.or(all(&library)).map_err(|problems| {
        eprintln!("{problems}");
        Exit::Misconfigured
    })
}

impl Text {
    fn of(version: &Version) -> Self {
        let name = version.label.replacen('/', "@", 1);
        Self { name, text: version.text.to_string(), allow: version.allow.clone() }
    }
}

fn print_json(value: &impl Serialize) -> Exit {
    println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
    Exit::Done
}
