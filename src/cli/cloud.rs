//! What `alarms` and `dashboards` have in common: which files, which account, plan and apply.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Exit;
use crate::{
    config::{files::Files, problem::Problems},
    controller::judge::rules::Rules,
    deploy::plan::{Plan, Resource, Step},
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
        Files::read(folder).map_err(|error| {
            eprintln!("banto: cannot read {}: {error}", folder.display());
            Exit::Failed
        })
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

/// Compares with what is there, and changes it when asked to.
#[cfg(feature = "aws")]
pub fn deploy<R>(target: &Target, mode: Mode, desired: &[R]) -> Exit
where
    R: Resource + Sync,
    crate::aws::cloudwatch::CloudWatch: crate::deploy::cloud::Cloud<R>,
{
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        eprintln!("banto: this machine has no room for a runtime; free some file descriptors");
        return Exit::Failed;
    };
    match runtime.block_on(compare(target, mode, desired)) {
        Ok(exit) => exit,
        Err(why) => {
            eprintln!("banto: {why}");
            Exit::Failed
        }
    }
}

/// Without AWS there is nothing to compare with.
#[cfg(not(feature = "aws"))]
pub fn deploy<R: Resource>(_: &Target, _: Mode, _: &[R]) -> Exit {
    eprintln!("banto: {}", crate::aws::NOT_BUILT_IN);
    Exit::Failed
}

#[cfg(feature = "aws")]
async fn compare<R>(target: &Target, mode: Mode, desired: &[R]) -> Result<Exit, String>
where
    R: Resource + Sync,
    crate::aws::cloudwatch::CloudWatch: crate::deploy::cloud::Cloud<R>,
{
    use crate::{
        aws::{account::Account, cloudwatch::CloudWatch},
        deploy::{
            apply::{CLOUDWATCH_PACE, apply},
            cloud::Cloud,
        },
    };

    let cloud = CloudWatch::new(&Account::open(&target.settings()).await);
    let present = cloud.present().await.map_err(|fault| fault.to_string())?;
    let plan = Plan::new(desired, &present, target.prune);
    if mode == Mode::Plan || !plan.changes_something() {
        show(&plan, target.json);
        let exit = if mode == Mode::Plan && plan.differs() { Exit::Differs } else { Exit::Done };
        return Ok(exit);
    }
    let tell = |step: &Step<R>| {
        if !target.json {
            print!("{step}");
        }
    };
    let done = apply(&plan, &cloud, CLOUDWATCH_PACE, tell).await.map_err(|stopped| stopped.to_string())?;
    if target.json {
        show(&plan, true);
    } else {
        println!("{done} changes made");
    }
    Ok(Exit::Done)
}

fn show<R: Resource>(plan: &Plan<R>, as_json: bool) {
    if as_json {
        let steps: Vec<_> = plan.steps.iter().map(step).collect();
        println!("{}", json!({ "steps": steps, "differs": plan.differs() }));
    } else {
        print!("{plan}");
    }
}

fn step<R: Resource>(step: &Step<R>) -> Value {
    let (action, one, differences) = match step {
        Step::Create(one) => ("create", one, &[][..]),
        Step::Update(one, differences) => ("update", one, &differences[..]),
        Step::Delete(one) => ("delete", one, &[][..]),
        Step::Left(one) => ("left", one, &[][..]),
        Step::Foreign(one) => ("foreign", one, &[][..]),
    };
    let fields: Vec<_> = differences.iter().map(|d| json!({ "field": d.field, "from": d.from, "to": d.to })).collect();
    json!({ "action": action, "name": one.name(), "fields": fields })
}
