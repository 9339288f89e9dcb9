//! `banto serve`.

use std::{io::IsTerminal, path::PathBuf};

use tracing_subscriber::EnvFilter;

use super::Exit;
use crate::app::{
    role::Role,
    serve::{self, StartError},
    settings::{Overrides, Settings},
};

/// Runs the engine and the controller.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  banto serve                        # embedded defaults, simulated models\n  banto serve --config banto.yaml\n  \
    banto serve --config banto.yaml --role engine\n  banto serve --config banto.yaml --role controller --listen 127.0.0.1:9090"
)]
pub struct Args {
    /// The configuration file; without it everything is embedded.
    #[arg(long, env = "BANTO_CONFIG")]
    config: Option<PathBuf>,
    /// What this process is for; without it what the configuration says, or everything.
    #[arg(long)]
    role: Option<Role>,
    /// Listens here instead of where the configuration says.
    #[arg(long)]
    listen: Option<std::net::SocketAddr>,
    /// Logs as JSON lines.
    #[arg(long)]
    json_logs: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    log(args.json_logs);
    let settings = Settings::load(args.config.as_deref(), Overrides { listen: args.listen, role: args.role });
    match settings.map_err(StartError::Files).and_then(start) {
        Ok(()) => Exit::Done,
        Err(error @ StartError::Files(_)) => {
            eprintln!("{error}");
            Exit::Misconfigured
        }
        Err(error) => {
            eprintln!("banto cannot start: {error}");
            Exit::Failed
        }
    }
}

fn start(settings: Settings) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| StartError::Machine(format!("no threads can be started: {error}")))?;
    runtime.block_on(serve::serve(settings))
}

/// Logs go to standard error; `RUST_LOG` chooses how much.
fn log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        log.json().init();
    } else {
        log.with_target(false).with_ansi(std::io::stderr().is_terminal()).init();
    }
}
