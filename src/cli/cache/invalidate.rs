//! `banto cache invalidate`.

use serde_json::{Value, json};

use super::Common;
use crate::cli::Exit;

/// Makes every answer with one of these tags void, on all nodes, also those that are being written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache invalidate 'title:one piece' intent:pricing")]
pub struct Args {
    /// Tags, in any spelling: `title:…`, `product:…`, `intent:…`, or the application's own.
    #[arg(required = true)]
    tags: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let answer = args.common.remote.post("/api/v1/invalidate", &json!({ "tags": args.tags }));
    args.common.print(answer, |voided: &Value| {
        let tags = voided["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        format!("Void from now on: {}\n", tags.collect::<Vec<_>>().join(", "))
    })
}
