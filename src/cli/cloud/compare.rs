//! Plan and apply against CloudWatch.

use serde_json::{Value, json};

use super::{Mode, Target};
use crate::{
    aws::{account::Account, cloudwatch::CloudWatch},
    cli::Exit,
    deploy::{
        apply::{CLOUDWATCH_PACE, apply},
        cloud::Cloud,
        plan::{Plan, Resource, Step},
    },
    resolve::Resolver,
};

/// Compares with what is there, and changes it when asked to.
pub fn deploy<R>(target: &Target, mode: Mode, desired: &[R]) -> Exit
where
    R: Resource + Sync,
    CloudWatch: Cloud<R>,
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

async fn compare<R>(target: &Target, mode: Mode, desired: &[R]) -> Result<Exit, String>
where
    R: Resource + Sync,
    CloudWatch: Cloud<R>,
{
    let cloud = CloudWatch::new(&Account::open(&target.settings(), &Resolver::system()).await);
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
