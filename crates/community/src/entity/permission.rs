//! The catalogue: one row for each permission of any service.

use sea_orm::entity::prelude::*;
use usher_api::community as pb;

/// A permission.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "permission")]
pub struct Model {
    /// `{resource}.{verb}`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Which built-in roles hold it.
    pub category: Category,
    /// What it allows, for people.
    pub description: String,
    /// Who registered it and may change it.
    pub service: String,
}

impl ActiveModelBehavior for ActiveModel {}

/// How far a permission reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Category {
    /// To look.
    #[sea_orm(string_value = "view")]
    View,
    /// To work.
    #[sea_orm(string_value = "manage")]
    Manage,
    /// To administer.
    #[sea_orm(string_value = "admin")]
    Admin,
}

impl Category {
    /// The category that a request names.
    pub(crate) fn from_proto(category: i32) -> Option<Self> {
        match pb::PermissionCategory::try_from(category) {
            Ok(pb::PermissionCategory::View) => Some(Self::View),
            Ok(pb::PermissionCategory::Manage) => Some(Self::Manage),
            Ok(pb::PermissionCategory::Admin) => Some(Self::Admin),
            Ok(pb::PermissionCategory::Unspecified) | Err(_) => None,
        }
    }
}

impl From<Category> for pb::PermissionCategory {
    fn from(category: Category) -> Self {
        match category {
            Category::View => Self::View,
            Category::Manage => Self::Manage,
            Category::Admin => Self::Admin,
        }
    }
}

impl Model {
    pub(crate) fn to_proto(&self) -> pb::Permission {
        pb::Permission {
            name: self.name.clone(),
            category: pb::PermissionCategory::from(self.category).into(),
            description: self.description.clone(),
            service: self.service.clone(),
        }
    }
}
