//! What lists of invitations cost: among many trees, each finds its own rows by an index.

use sandbox::{Database, Options, Service, Suite, Topology, current};
use usher_api::invitation::{
    BatchRevokeInvitationsRequest, DeliveryState, GetInvitationRequest, InvitationRisk, InvitationState,
    ListInvitationsRequest, ListMyInvitationsRequest, TimeRange, WatchInvitationsRequest,
};
use uuid::Uuid;

use super::OFTEN;
use super::observatory::Observatory;
use crate::support::people::{Person, admin_of};
use crate::support::tree::{grant, invite, managed};

/// Out of one invitation, 500 in its tree and many times as many in others; most have ended.
const MANY: [&str; 3] = [
    "INSERT INTO invitation SELECT made.* \
     FROM invitation i, (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 40000) n) new, \
     LATERAL jsonb_populate_record(i, jsonb_build_object( \
         'id', new.id, \
         'root_id', CASE n % 80 WHEN 0 THEN i.root_id ELSE md5((n % 400)::text)::uuid END, \
         'inviter_id', md5((n % 50)::text)::uuid, \
         'email_canonical', 'guest' || n || '@guest.test', \
         'create_time', i.create_time + n, 'update_time', i.update_time + n, 'expire_time', i.expire_time + n, \
         'state', CASE (n / 80) % 5 WHEN 0 THEN 'pending' ELSE 'accepted' END)) made",
    "INSERT INTO invitation_grant SELECT made.* \
     FROM invitation i, (SELECT * FROM invitation_grant LIMIT 1) g, \
     LATERAL jsonb_populate_record(NULL::invitation_grant, to_jsonb(g) || jsonb_build_object( \
         'invitation_id', i.id, 'community_id', i.root_id, 'email_canonical', i.email_canonical, \
         'live', i.state = 'pending')) made \
     WHERE i.id <> g.invitation_id",
    "INSERT INTO invitation_history SELECT made.* \
     FROM (SELECT *, row_number() OVER (PARTITION BY root_id ORDER BY id) AS place FROM invitation) i, \
     (SELECT * FROM invitation_history LIMIT 1) h, \
     LATERAL jsonb_populate_record(NULL::invitation_history, to_jsonb(h) || jsonb_build_object( \
         'invitation_id', i.id, 'root_id', i.root_id, 'place', 1000 + i.place)) made \
     WHERE i.id <> h.invitation_id",
];

#[tokio::test]
async fn no_list_of_invitations_reads_those_of_other_trees() {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let suite = Suite::start(&folder, &Options::new(Database::Postgres, Topology::Apart)).await.unwrap();
    let admin = admin_of(&suite.description).await;
    let root = managed(&admin).await;
    let one = invite(&admin, &root, "one@guest.test", vec![grant(&root, &["guest"])]).await.name;
    let mut observatory = Observatory::over(suite, Service::Invitation, &MANY).await;
    // The service has begun anew.
    let admin = admin_of(&observatory.suite.description).await;
    let mut client = admin.caller.invitation();
    for _ in 0..OFTEN {
        for (what, request) in lists(&admin, &root) {
            let call = client.list_invitations(request);
            observatory.watch(&format!("ListInvitations {what}"), call).await;
        }
        let mine = client.list_my_invitations(ListMyInvitationsRequest::default());
        observatory.watch("ListMyInvitations", mine).await;
        observatory
            .watch("GetInvitation", client.get_invitation(GetInvitationRequest { name: one.clone() }))
            .await;
    }
    let trial = BatchRevokeInvitationsRequest {
        parent: root.clone(),
        validate_only: true,
        ..BatchRevokeInvitationsRequest::default()
    };
    observatory.watch("BatchRevokeInvitations", client.batch_revoke_invitations(trial)).await;
    let watch = WatchInvitationsRequest { parent: root, ..WatchInvitationsRequest::default() };
    observatory.watch("WatchInvitations", client.watch_invitations(watch)).await;
    observatory.close();
}

fn lists(admin: &Person, root: &str) -> Vec<(&'static str, ListInvitationsRequest)> {
    let all = || ListInvitationsRequest {
        parent: root.to_owned(),
        page_size: 20,
        ..ListInvitationsRequest::default()
    };
    let ordered = |order: &str| ListInvitationsRequest { order_by: order.to_owned(), ..all() };
    let in_state = |state: InvitationState| ListInvitationsRequest { states: vec![state.into()], ..all() };
    let at_risk = |risk: InvitationRisk| ListInvitationsRequest { risks: vec![risk.into()], ..all() };
    let sent = vec![DeliveryState::Sent.into()];
    let since =
        TimeRange { start_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }), end_time: None };
    vec![
        ("of all", all()),
        ("by create time", ordered("create_time")),
        ("by update time", ordered("update_time desc")),
        ("by expire time", ordered("expire_time")),
        ("by address", ordered("email")),
        ("that wait", in_state(InvitationState::Pending)),
        ("that expired", in_state(InvitationState::Expired)),
        ("that were accepted", in_state(InvitationState::Accepted)),
        ("to one address", ListInvitationsRequest { email: "guest80@guest.test".to_owned(), ..all() }),
        ("to some addresses", ListInvitationsRequest { search: "guest8".to_owned(), ..all() }),
        ("into one community", ListInvitationsRequest { community: root.to_owned(), ..all() }),
        ("by one inviter", ListInvitationsRequest { inviter: admin.name.clone(), ..all() }),
        ("with one role", ListInvitationsRequest { role: "guest".to_owned(), ..all() }),
        ("that were sent", ListInvitationsRequest { delivery_states: sent, ..all() }),
        ("of some time", ListInvitationsRequest { create_time: Some(since), ..all() }),
        ("never delivered", at_risk(InvitationRisk::NeverDelivered)),
        ("near their end", at_risk(InvitationRisk::NearExpiry)),
        ("with privileged roles", at_risk(InvitationRisk::PrivilegedRoles)),
    ]
}
