//! The beginning: an administrator, permissions, communities.

use usher_api::community::{
    Community, CommunityKind, CreateCommunityRequest, Permission, PermissionCategory,
    RegisterPermissionsRequest,
};

use super::{ALERTING, MANAGE, Place, Story, Unexpected, VIEW};
use crate::dev::people::{Credentials, Person};

/// The communities of the story.
pub struct Places {
    /// The MSSP community, the main one of its tree.
    pub northwind: Place,
    /// Inside it.
    pub alpine: Place,
    /// Inside it.
    pub harbour: Place,
    /// Inside it.
    pub meadow: Place,
    /// On its own.
    pub solo: Place,
}

impl Story {
    pub(super) async fn platform_admin(&mut self, admin: &Credentials) -> Result<Person, Unexpected> {
        self.narrator.chapter("A platform administrator");
        self.narrator.tell(
            "The operator made the first account, as `usher bootstrap` does. There is no default password.",
        );
        let avery = Person::sign_in(&self.api, "Avery", admin).await?;
        self.narrator.check(true, format!("{} signed in as {}", admin.email, avery.user));
        Ok(avery)
    }

    pub(super) async fn permissions(&mut self) -> Result<(), Unexpected> {
        self.narrator.chapter("An internal service brings its permissions");
        self.narrator.tell(format!(
            "The service `{ALERTING}` proves by its token who it is, and registers what it will ask about."
        ));
        let permission = |name: &str, category: PermissionCategory, description: &str| Permission {
            name: name.to_owned(),
            category: category.into(),
            description: description.to_owned(),
            service: String::new(),
        };
        let permissions = vec![
            permission(VIEW, PermissionCategory::View, "See the alerts of the community"),
            permission(
                MANAGE,
                PermissionCategory::Manage,
                "Assign, comment and close alerts of the community",
            ),
        ];
        let request = self.api.as_service(ALERTING, RegisterPermissionsRequest { permissions })?;
        let registered = self.api.community().register_permissions(request).await?.into_inner().permissions;
        self.narrator.check(
            registered.len() == 2,
            format!("`{VIEW}` (category View: held by the roles guest, analyst, admin)"),
        );
        self.narrator
            .check(registered.len() == 2, format!("`{MANAGE}` (category Manage: held by analyst and admin)"));
        Ok(())
    }

    pub(super) async fn communities(&mut self, avery: &Person) -> Result<Places, Unexpected> {
        self.narrator.chapter("Communities");
        self.narrator.tell(
            "Avery creates an MSSP community with three managed communities inside, and a plain managed one.",
        );
        let northwind = self.create_community(avery, "Northwind SOC", CommunityKind::Mssp, None).await?;
        let inside = Some(&northwind);
        let alpine = self.create_community(avery, "Alpine Bank", CommunityKind::Managed, inside).await?;
        let harbour =
            self.create_community(avery, "Harbour Logistics", CommunityKind::Managed, inside).await?;
        let meadow = self.create_community(avery, "Meadow Clinics", CommunityKind::Managed, inside).await?;
        let solo = self.create_community(avery, "Solo Foundry", CommunityKind::Managed, None).await?;
        Ok(Places { northwind, alpine, harbour, meadow, solo })
    }

    /// A community that `by` creates.
    pub(super) async fn create_community(
        &mut self,
        by: &Person,
        name: &'static str,
        kind: CommunityKind,
        parent: Option<&Place>,
    ) -> Result<Place, Unexpected> {
        let community = Community {
            kind: kind.into(),
            parent_community: parent.map(|parent| parent.community.clone()).unwrap_or_default(),
            display_name: name.to_owned(),
            ..Community::default()
        };
        let request = CreateCommunityRequest { community: Some(community), request_id: self.request_id() };
        let answer = self.api.community().create_community(by.says(request)).await?.into_inner();
        let created = answer.community.ok_or_else(|| Unexpected::missing("community"))?;
        let position = match (kind, parent) {
            (CommunityKind::Mssp, _) => "MSSP, the main community".to_owned(),
            (_, Some(parent)) => format!("managed, inside {}", parent.name),
            (_, None) => "managed, on its own".to_owned(),
        };
        self.narrator.check(created.display_name == name, format!("{name} ({position})"));
        Ok(Place { name, community: created.name })
    }
}
