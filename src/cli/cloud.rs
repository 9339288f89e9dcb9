//! What `alarms` and `dashboards` have in common: which files, which account, plan and apply.

#[cfg(feature = "aws")]
mod compare;

use std::path::PathBuf;

#[cfg(feature = "aws")]
pub use compare::deploy;

use super::Exit;
use crate::{
    config::{files::Files, problem::Problems},
    controller::judge::rules::Rules,
};

/// Which files, and where they go.
#[derive(Debug, clap::Args)]
pub struct Target {
    /// The folder that holds `alarms/` and `dashboards/`; the shipped files when absent.
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// The AWS region; the environment's when absent.
    #[arg(long)]
    region: Option<String>,
    /// The ARN of a role to assume.
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// Another address than CloudWatch's own.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Deletes what is ours and in no file any more.
    #[arg(long)]
    prune: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// What to do with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Show it.
    Plan,
    /// Carry it out.
    Apply,
}

impl Target {
    /// The operator's files.
    ///
    /// # Errors
    /// How the command ends, after saying why.
    pub fn files(&self) -> Result<Files, Exit> {
        let Some(folder) = &self.files else { return Ok(Files::shipped()) };
        super::read_files(folder)
    }

    /// The region that was asked for, else the environment's.
    pub fn region(&self) -> Option<String> {
        let from = |name| std::env::var(name).ok().filter(|region| !region.is_empty());
        self.region.clone().or_else(|| from("AWS_REGION")).or_else(|| from("AWS_DEFAULT_REGION"))
    }

    #[cfg(feature = "aws")]
    fn settings(&self) -> crate::aws::settings::Settings {
        let (role, endpoint) = (self.role.clone(), self.endpoint.clone());
        crate::aws::settings::Settings { region: self.region(), role, endpoint, external_id: None }
    }
}

/// Reads the files and says every mistake in them.
///
/// # Errors
/// How the command ends, after saying why.
pub fn read<T>(target: &Target, read: impl FnOnce(&Files, &Rules, &mut Problems) -> T) -> Result<T, Exit> {
    let files = target.files()?;
    let mut problems = Problems::default();
    let rules = Rules::load(&files, &mut problems);
    let found = read(&files, &rules, &mut problems);
    problems.or(found).map_err(|problems| {
        eprintln!("{problems}");
        Exit::Misconfigured
    })
}

/// Without AWS there is nothing to compare with.
#[cfg(not(feature = "aws"))]
pub fn deploy<R>(_: &Target, _: Mode, _: &[R]) -> Exit {
    eprintln!("banto: {}", crate::aws::NOT_BUILT_IN);
    Exit::Failed
}
