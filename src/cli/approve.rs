//! `banto approve`.

use serde::Serialize;

use super::{
    Exit,
    remote::{Remote, who},
};

/// Approves or rejects a proposed remedy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  banto approve grow-pool@2026-11-20T10:22:05Z\n  \
    banto approve grow-pool@2026-11-20T10:22:05Z --reject\n  banto approve --unlock grow-pool")]
pub struct Args {
    /// The proposal, as its notice and `banto incidents` name it; with `--unlock` the policy.
    id: String,
    /// Reject it.
    #[arg(long)]
    reject: bool,
    /// Let a policy act again that was locked after failing several times.
    #[arg(long, conflicts_with = "reject")]
    unlock: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Serialize)]
struct Answer {
    approve: bool,
    by: String,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let Args { id, reject, unlock, json, remote } = args;
    let answer = Answer { approve: !reject, by: who() };
    let (path, done) = match (unlock, reject) {
        (true, _) => (format!("/api/v1/policies/{}/unlock", encode(&id)), "is unlocked"),
        (_, true) => (format!("/api/v1/approvals/{}", encode(&id)), "is rejected"),
        _ => (format!("/api/v1/approvals/{}", encode(&id)), "is approved; the controller carries it out now"),
    };
    match remote.post::<serde_json::Value>(&path, &answer) {
        Ok(answer) if json => println!("{answer}"),
        Ok(_) => println!("{id} {done}."),
        Err(error) => {
            eprintln!("banto: {error}");
            return Exit::Failed;
        }
    }
    Exit::Done
}

/// For a segment of a URL's path.
fn encode(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte);
    segment.bytes().fold(String::new(), |mut text, byte| {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_travels_as_one_segment() {
        assert_eq!(encode("p@2026-11-20T10:22:05Z"), "p@2026-11-20T10:22:05Z");
        assert_eq!(encode("a/b c"), "a%2Fb%20c");
    }
}
