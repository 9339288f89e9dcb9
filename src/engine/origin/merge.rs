//! Live fields: had beside the look-up for every answer, and put into what was kept without them.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::Value;

use super::{Found, Origin, Read, client::Client, file::LiveField, key::Key, live};

impl Origin {
    /// The live fields of a key as they are now; `None` for one that cannot be had.
    pub(super) async fn live(&self, key: &Key) -> Vec<(&str, Option<Value>)> {
        let fetch = |(live, client): &'_ (LiveField, Arc<Client>)| {
            let (path, client) = (key.path(&self.is, &live.path), client.clone());
            let (tenant, take) = (key.tenant.clone(), live.take.clone());
            async move {
                let answer = client.fetch(&path, &tenant).await.ok().flatten()?;
                answer.pointer(&take).filter(|field| !field.is_null()).cloned()
            }
        };
        let fields = join_all(self.live.iter().map(fetch)).await;
        self.live.iter().zip(fields).map(|((live, _), field)| (live.field.as_str(), field)).collect()
    }

    pub(super) fn merge(&self, read: Read, live: Vec<(&str, Option<Value>)>) -> Found {
        let mut found = Found { via: read.via, value: read.value, age: read.age, merged: vec![], absent: vec![] };
        let Some(value) = &mut found.value else { return found };
        for (field, fetched) in live {
            let is_there = fetched.is_some();
            let is_in = live::put_in(value, field, fetched.unwrap_or(Value::Null)) && is_there;
            let (list, counter) = match is_in {
                true => (&mut found.merged, &self.meters.merged),
                false => (&mut found.absent, &self.meters.absent),
            };
            list.push(field.to_owned());
            counter.inc();
        }
        found
    }
}
