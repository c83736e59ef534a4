//! An import of many people, one piece after another.
//!
//! Each piece of 100 lines is one transaction with its own place under the request id of the import. So a client that repeats an
//! import which broke off gets the results that are there already, and the rest is invited then; and no import needs more memory
//! than a piece takes.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use usher_api::community::Grant;
use usher_api::invitation::import_result::Result as Imported;
use usher_api::invitation::{self as pb, ImportItem, ImportProgress, ImportResult, InvitationRefusal};
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};
use uuid::Uuid;

use crate::asked::Asked;
use crate::draft::{self, Guest, Terms};
use crate::error::Error;
use crate::import_lines::Line;
use crate::judging::{Verdict, judge_all};
use crate::{Invitation, limits, parse, policy, preview, refusal};

/// How many lines are one piece.
pub(crate) const PIECE: usize = 100;

/// An import under way.
pub(crate) struct Import {
    service: Invitation,
    caller: Caller,
    root: CommunityName,
    header: pb::ImportHeader,
    request_id: Option<Uuid>,
    progress: ImportProgress,
}

/// A line that is to be invited, or why it is not.
type Read = Result<Asked, Box<InvitationRefusal>>;

impl Import {
    /// Reads the header, and refuses the whole import if what it offers to all may not be offered.
    pub(crate) async fn begin(
        service: Invitation,
        caller: Caller,
        header: pb::ImportHeader,
    ) -> Result<Self, Error> {
        caller.actor()?;
        let mut violations = Violations::default();
        let root = violations.check("header.parent", header.parent.parse::<CommunityName>());
        if !header.grants.is_empty() {
            parse::grants("header.grants", &header.grants, &mut violations);
        }
        // The words and the life that all have, by the example of somebody.
        let somebody = ImportItem { email: "somebody@example.com".to_owned(), ..ImportItem::default() };
        let example = request_for(&header, &somebody);
        let mut faults = Violations::default();
        let asked = Asked::parse(&service, "header.", &example, &mut faults);
        for (field, what) in faults.iter().filter(|(field, _)| !field.contains("grants")) {
            violations.add(field.replace("invitation.", ""), what);
        }
        let request_id = parse_request_id(&header.request_id, &mut violations);
        violations.finish()?;
        let root = root.ok_or_else(|| Failure::internal("not parsed"))?;
        let import = Self { service, caller, root, header, request_id, progress: ImportProgress::default() };
        if let Some(asked) = asked.filter(|asked| !asked.grants.is_empty()) {
            import.require_offer(&asked).await?;
        }
        Ok(import)
    }

    /// Whether what the header offers to all may be offered.
    async fn require_offer(&self, asked: &Asked) -> Result<(), Error> {
        let question = policy::Question {
            root: self.root,
            permission: crate::access::CREATE,
            grants: asked.grants.clone(),
            recipients: Vec::new(),
            reserve: false,
        };
        let judged = policy::judge(&self.service, &self.caller, question).await?;
        asked.terms(&self.service, self.root, self.caller.actor()?, &judged, "header.")?;
        Ok(())
    }

    /// How many lines were taken.
    pub(crate) fn received(&self) -> usize {
        usize::try_from(self.progress.received).unwrap_or(usize::MAX)
    }

    /// Where the import stands when all lines were taken.
    pub(crate) fn end(&mut self) -> pb::ImportInvitationsResponse {
        self.progress.done = true;
        pb::ImportInvitationsResponse { results: Vec::new(), progress: Some(self.progress) }
    }

    /// Invites whom `lines`, a piece, name. The piece with the same place gets the same answer again.
    pub(crate) async fn invite(&mut self, lines: &[Line]) -> Result<pb::ImportInvitationsResponse, Error> {
        let once = self.once(lines);
        let earlier: Option<pb::ImportInvitationsResponse> = if self.header.validate_only {
            None
        } else {
            once.earlier_answer(&*self.service.database).await?
        };
        let results = match earlier {
            Some(answer) => answer.results,
            None => self.invite_new(&once, lines).await?,
        };
        let refused = results.iter().filter(|it| matches!(it.result, Some(Imported::Failure(_)))).count();
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        self.progress.received += count(results.len());
        self.progress.refused += count(refused);
        self.progress.invited += count(results.len() - refused);
        Ok(pb::ImportInvitationsResponse { results, progress: Some(self.progress) })
    }

    /// The place of a piece: the same whenever the import is repeated.
    fn once(&self, lines: &[Line]) -> Once {
        let piece = self.progress.received.to_be_bytes();
        let id = self.request_id.map(|request_id| {
            let hash = self
                .service
                .sealing
                .fingerprint("import", &[request_id.as_bytes().as_slice(), piece.as_slice()]);
            Uuid::from_slice(&hash[..16]).unwrap_or(request_id)
        });
        let items = lines.iter().map(|line| match line {
            Line::Item(item) => item.clone(),
            Line::Bad { email, fault } => ImportItem {
                email: email.clone(),
                display_name: (*fault).to_owned(),
                ..ImportItem::default()
            },
        });
        let request = pb::ImportInvitationsRequest {
            header: Some(self.header.clone()),
            items: items.collect(),
            ..pb::ImportInvitationsRequest::default()
        };
        let service = &self.service;
        Once::new(&service.sealing, &service.clock, &self.caller, "ImportInvitations", id, &request)
    }

    async fn invite_new(&self, once: &Once, lines: &[Line]) -> Result<Vec<ImportResult>, Error> {
        let read: Vec<Read> = lines.iter().map(|line| self.read(line)).collect();
        let asked: Vec<&Asked> = read.iter().filter_map(|one| one.as_ref().ok()).collect();
        let offers: Vec<(&Guest, &[Grant])> =
            asked.iter().map(|asked| (&asked.guest, asked.grants.as_slice())).collect();
        let reserve = !self.header.validate_only;
        let verdicts = judge_all(&self.service, &self.caller, self.root, &offers, reserve).await?;
        if !reserve {
            return self.preview(lines, &read, verdicts).await;
        }
        let written = self.write(once, lines, &read, verdicts).await;
        let unused: Vec<Uuid> = match &written {
            Ok(results) => {
                let used: HashSet<&str> = results.iter().filter_map(uid).collect();
                let ids = asked.iter().map(|asked| asked.guest.id);
                ids.filter(|id| !used.contains(id.to_string().as_str())).collect()
            }
            Err(error) if error.is_refusal() => asked.iter().map(|asked| asked.guest.id).collect(),
            Err(_) => Vec::new(),
        };
        policy::release(&self.service, self.root, &unused).await;
        written
    }

    /// What a line asks for.
    fn read(&self, line: &Line) -> Read {
        let item = match line {
            Line::Item(item) => item,
            Line::Bad { fault, .. } => return Err(malformed(&[(String::new(), (*fault).to_owned())]).into()),
        };
        let mut violations = Violations::default();
        let request = request_for(&self.header, item);
        let asked = Asked::parse(&self.service, "", &request, &mut violations);
        let faults: Vec<(String, String)> = violations
            .iter()
            .map(|(field, what)| (field.replace("invitation.", ""), what.to_owned()))
            .collect();
        match asked {
            Some(asked) if faults.is_empty() => Ok(asked),
            _ => Err(malformed(&faults).into()),
        }
    }

    /// Writes those in whose way nothing stands.
    async fn write(
        &self,
        once: &Once,
        lines: &[Line],
        read: &[Read],
        verdicts: Vec<Verdict>,
    ) -> Result<Vec<ImportResult>, Error> {
        let inviter = self.caller.actor()?;
        let mut judged = verdicts.into_iter();
        let mut plans: Vec<Result<Terms, InvitationRefusal>> = Vec::with_capacity(lines.len());
        for one in read {
            plans.push(match one {
                Err(refusal) => Err(InvitationRefusal::clone(refusal)),
                Ok(asked) => self.plan(asked, judged.next())?,
            });
        }
        let change = self.service.database.change().await?;
        if let Some(answer) = once.begin::<pb::ImportInvitationsResponse>(&change).await? {
            return Ok(answer.results);
        }
        let mut left = self.take(&change, plans.iter().filter(|plan| plan.is_ok()).count()).await?;
        for plan in plans.iter_mut().filter(|plan| plan.is_ok()) {
            if left == 0 {
                *plan = Err(refusal::tell(
                    limits::none_left(&self.service, &change, inviter.principal, self.root).await?,
                )?);
            }
            left = left.saturating_sub(1);
        }
        let guests = read.iter().map(|one| one.as_ref().ok().map(|asked| &asked.guest));
        let drafts: Vec<(&Terms, &Guest)> = plans
            .iter()
            .zip(guests)
            .filter_map(|(plan, guest)| Some((plan.as_ref().ok()?, guest?)))
            .collect();
        let mut written = draft::write_all(&self.service, &change, &drafts).await?.into_iter();
        let mut results = Vec::with_capacity(lines.len());
        for (line, plan) in lines.iter().zip(&plans) {
            let outcome = match plan {
                Err(refusal) => Imported::Failure(refusal.clone()),
                Ok(_) => match written.next() {
                    Some(Ok((row, grants))) => {
                        Imported::Invitation(row.to_proto(&grants, self.service.clock.now()))
                    }
                    Some(Err(error)) => Imported::Failure(refusal::tell(error)?),
                    None => return Err(Failure::internal("a line has no result").into()),
                },
            };
            results.push(self.result(results.len(), line, outcome));
        }
        let answer = pb::ImportInvitationsResponse { results, progress: None };
        once.commit(change, &answer).await?;
        Ok(answer.results)
    }

    /// The terms for `asked`, if nothing stands in the way.
    fn plan(
        &self,
        asked: &Asked,
        verdict: Option<Verdict>,
    ) -> Result<Result<Terms, InvitationRefusal>, Error> {
        let (judged, place) = match verdict {
            Some(Ok(judged)) => judged,
            Some(Err(refusal)) => return Ok(Err(refusal)),
            None => return Err(Failure::internal("a line was not judged").into()),
        };
        let inviter = self.caller.actor()?;
        let terms = judged
            .require_way(place, &asked.guest.email)
            .and_then(|()| asked.terms(&self.service, self.root, inviter, &judged, ""));
        match terms {
            Ok(terms) => Ok(Ok(terms)),
            Err(error) => Ok(Err(refusal::tell(error)?)),
        }
    }

    /// Counts `wanted` people, or as many as the limits let, and says how many.
    async fn take(&self, change: &Change, wanted: usize) -> Result<usize, Error> {
        let inviter = self.caller.actor()?.principal;
        let left = limits::left(&self.service, &**change, inviter, self.root).await?;
        let least = left.iter().map(|it| usize::try_from(it.remaining).unwrap_or(0)).min();
        let number = least.map_or(wanted, |least| least.min(wanted));
        let people = u32::try_from(number).map_err(Failure::internal)?;
        if people > 0 {
            limits::take(&self.service, change, inviter, self.root, people).await?;
        }
        Ok(number)
    }

    /// What would become of each line. What all lines of the same offer have in common is looked up once.
    async fn preview(
        &self,
        lines: &[Line],
        read: &[Read],
        verdicts: Vec<Verdict>,
    ) -> Result<Vec<ImportResult>, Error> {
        let inviter = self.caller.actor()?;
        let mut bases: HashMap<usize, pb::InvitationPreview> = HashMap::new();
        let mut judged = verdicts.into_iter();
        let mut results = Vec::with_capacity(lines.len());
        for (line, one) in lines.iter().zip(read) {
            let asked = match one {
                Ok(asked) => asked,
                Err(refusal) => {
                    let outcome = Imported::Failure(InvitationRefusal::clone(refusal));
                    results.push(self.result(results.len(), line, outcome));
                    continue;
                }
            };
            let outcome = match judged.next() {
                Some(Ok((judged, place))) => {
                    let (terms, wrong) =
                        asked.terms_and_refusals(&self.service, self.root, inviter, &judged, "");
                    let key = Arc::as_ptr(&judged).addr();
                    if let Entry::Vacant(unseen) = bases.entry(key) {
                        unseen.insert(preview::base(&self.service, &terms, &judged, &asked.guest).await?);
                    }
                    let mut found = bases[&key].clone();
                    preview::address(&self.service, &mut found, &terms, asked).await?;
                    let obstacles = judged.obstacles(place, &asked.guest.email);
                    let pending = draft::look(&self.service, &terms, &asked.guest).await?;
                    for error in obstacles.into_iter().chain(wrong).chain(pending) {
                        found.refusals.push(refusal::tell(error)?);
                    }
                    if found.refusals.is_empty() {
                        Imported::Preview(found)
                    } else {
                        Imported::Failure(found.refusals.swap_remove(0))
                    }
                }
                Some(Err(refusal)) => Imported::Failure(refusal),
                None => return Err(Failure::internal("a line was not judged").into()),
            };
            results.push(self.result(results.len(), line, outcome));
        }
        Ok(results)
    }

    fn result(&self, place: usize, line: &Line, outcome: Imported) -> ImportResult {
        let email = match line {
            Line::Item(item) => &item.email,
            Line::Bad { email, .. } => email,
        };
        let index = self.progress.received.saturating_add(i32::try_from(place).unwrap_or(i32::MAX));
        ImportResult { index, email: email.clone(), result: Some(outcome) }
    }
}

/// The invitation of one person by the terms of the header.
fn request_for(header: &pb::ImportHeader, item: &ImportItem) -> pb::CreateInvitationRequest {
    let grants = if item.grants.is_empty() { &header.grants } else { &item.grants };
    let invitation = pb::Invitation {
        email: item.email.clone(),
        display_name: item.display_name.clone(),
        grants: grants.clone(),
        message: header.message.clone(),
        locale: header.locale.clone(),
        annotations: header.annotations.clone(),
        ..pb::Invitation::default()
    };
    pb::CreateInvitationRequest {
        invitation: Some(invitation),
        ttl: header.ttl,
        notify: header.notify,
        ..pb::CreateInvitationRequest::default()
    }
}

fn uid(result: &ImportResult) -> Option<&str> {
    match result.result.as_ref()? {
        Imported::Invitation(invitation) => Some(&invitation.uid),
        Imported::Preview(_) | Imported::Failure(_) => None,
    }
}

fn malformed(faults: &[(String, String)]) -> InvitationRefusal {
    let mut violations = Violations::default();
    for (field, what) in faults {
        violations.add(field.clone(), what);
    }
    refusal::of_fields(violations)
}
