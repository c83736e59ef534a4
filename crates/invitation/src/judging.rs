//! Judging many offers at once: those that are alike are one question to the community service.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use prost::Message as _;
use usher_api::community::Grant;
use usher_api::invitation::InvitationRefusal;
use usher_api::name::CommunityName;
use usher_runtime::Caller;

use crate::draft::Guest;
use crate::error::Error;
use crate::policy::{self, Judged, Question};
use crate::{Invitation, access, refusal};

/// How many questions are under way at a time.
const CONCURRENCY: usize = 4;

/// What was said about one offer: the answer to its question and its place in it, or why nothing of it can be offered.
pub(crate) type Verdict = Result<(Arc<Judged>, usize), InvitationRefusal>;

/// Has the community service judge whether the caller may offer to each guest what comes with him. At most 200 guests.
///
/// # Errors
/// What is no refusal, such as an outage.
pub(crate) async fn judge_all(
    service: &Invitation,
    caller: &Caller,
    root: CommunityName,
    offers: &[(&Guest, &[Grant])],
    reserve: bool,
) -> Result<Vec<Verdict>, Error> {
    let mut alike: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
    for (index, (_, grants)) in offers.iter().enumerate() {
        let key = grants.iter().flat_map(Grant::encode_length_delimited_to_vec).collect();
        alike.entry(key).or_default().push(index);
    }
    let questions = alike.into_values().map(|indexes| async move {
        let guests = indexes.iter().map(|index| offers[*index].0);
        let question = Question {
            root,
            permission: access::CREATE,
            grants: indexes.first().map(|index| offers[*index].1.to_vec()).unwrap_or_default(),
            recipients: guests.map(|guest| policy::new_recipient(root, guest.id, &guest.email)).collect(),
            reserve,
        };
        let answer = policy::judge(service, caller, question).await.map(Arc::new);
        let answer = match answer {
            Ok(judged) => Ok(judged),
            Err(failure) => Err(refusal::tell(failure.into())?),
        };
        Ok::<_, Error>((indexes, answer))
    });
    let questions: Vec<_> = questions.collect();
    let answers: Vec<_> = stream::iter(questions).buffered(CONCURRENCY).try_collect().await?;
    let mut verdicts: Vec<Option<Verdict>> = vec![None; offers.len()];
    for (indexes, answer) in answers {
        for (place, index) in indexes.into_iter().enumerate() {
            verdicts[index] = Some(answer.clone().map(|judged| (judged, place)));
        }
    }
    Ok(verdicts.into_iter().flatten().collect())
}
