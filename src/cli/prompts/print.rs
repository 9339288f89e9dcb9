//! What a running Banto says of its prompts, for people.

use std::fmt::Write;

use serde_json::Value;

pub(super) fn status(answer: &Value) -> String {
    let mut text = format!("deployed at {}", said(&answer["window"]));
    if let Some(opens) = answer["opens"].as_i64() {
        let _ = write!(text, ", next at {}", crate::clock::Timestamp(opens));
    }
    text.push('\n');
    for it in list(&answer["prompts"]) {
        let (name, in_force, wanted) = (said(&it["prompt"]), said(&it["in_force"]), said(&it["wanted"]));
        let _ = write!(text, "{name}: {in_force} is in force ({}: {})", said(&it["author"]), said(&it["reason"]));
        if let Some(until) = it["expires"].as_i64() {
            let _ = write!(text, ", watched until {}", crate::clock::Timestamp(until));
        }
        match (in_force == wanted, it["waits"].as_bool()) {
            (true, _) => text.push('\n'),
            (false, Some(true)) => _ = writeln!(text, "; {wanted} waits for the window"),
            (false, _) => {
                _ = writeln!(
                    text,
                    "; {wanted} is wanted and was taken back or refused: deploy it by hand or want another"
                )
            }
        }
        for version in list(&it["versions"]) {
            let short = list(&version["too_short_for"]).iter().map(said).collect::<Vec<_>>().join(", ");
            let short = if short.is_empty() { String::new() } else { format!(", too short alone for {short}") };
            let dynamic = version["dynamic"]
                .as_u64()
                .filter(|n| *n > 0)
                .map_or(String::new(), |n| format!(", {n} dynamic places"));
            let (name, digest) = (said(&version["version"]), said(&version["digest"]));
            let _ = writeln!(text, "  {name:<12} {digest}  about {} tokens{dynamic}{short}", version["tokens"]);
        }
    }
    for it in list(&answer["hit_rates"]) {
        let rate = it["hit_rate"].as_f64().unwrap_or_default() * 100.0;
        let (model, version) = (said(&it["model"]), said(&it["version"]));
        let _ = writeln!(text, "{model} with {version}: {rate:.0} % of {} calls found the prefix", it["calls"]);
    }
    for it in list(&answer["changes"]).iter().filter(|it| it["dynamic"] == Value::Bool(true)) {
        let difference = &it["difference"];
        let kind = it["kind"].as_str().map_or(String::new(), |kind| format!(" ({kind})"));
        let _ = writeln!(
            text,
            "{} sends another prefix in {:.0} % of its requests: byte {} is the first that changes{kind} {}",
            said(&it["tenant"]),
            it["share"].as_f64().unwrap_or_default() * 100.0,
            difference["byte"],
            said(&difference["after"])
        );
    }
    list(&answer["deployments"]).iter().take(5).for_each(|it| text.push_str(&deployment(it)));
    text
}

pub(super) fn deployment(it: &Value) -> String {
    let part = |part: &Value| format!("{} {} -> {}", said(&part["prompt"]), said(&part["from"]), said(&part["to"]));
    let parts = list(&it["parts"]).iter().map(part).collect::<Vec<_>>().join(", ");
    let at = crate::clock::Timestamp(it["at"].as_i64().unwrap_or_default());
    let warmed = list(&it["warmed"]).iter().fold((0, 0), |(all, hits), it| {
        (all + it["requests"].as_u64().unwrap_or_default(), hits + it["hits"].as_u64().unwrap_or_default())
    });
    format!(
        "{at}  {parts}  {} by {}: {}; warmed by {} requests, {} of which found it\n",
        said(&it["state"]),
        said(&it["by"]),
        said(&it["note"]),
        warmed.0,
        warmed.1
    )
}

fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
