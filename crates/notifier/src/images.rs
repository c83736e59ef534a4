//! Images of communities, kept for a while: the mails of an import all show the same one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tonic::{Code, Status};
use usher_api::community::GetCommunityImageRequest;
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::invitation::Offer;
use usher_runtime::Transport;

use crate::letter::Image;

/// How many are kept: 8 MiB of the largest that mails show.
const MOST: usize = 32;

/// The images, by their ids: another image has another id. Clones share them.
#[derive(Clone)]
pub(crate) struct Images {
    community: CommunityServiceClient<Transport>,
    kept: Arc<Mutex<HashMap<String, Option<Image>>>>,
}

impl Images {
    pub(crate) fn new(community: CommunityServiceClient<Transport>) -> Self {
        Self { community, kept: Arc::default() }
    }

    /// What stands for an offer in a mail: the image of its first community that is left, if mails show it.
    ///
    /// # Errors
    /// The answer of the community service.
    pub(crate) async fn of(&self, offer: &Offer) -> Result<Option<Image>, Status> {
        let mut left = offer.communities.iter().filter(|community| !community.display_name.is_empty());
        let Some(first) = left.next().filter(|first| !first.image_id.is_empty()) else { return Ok(None) };
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&first.image_id).cloned();
        match kept {
            Some(image) => Ok(image),
            None => self.fetch(&first.community).await,
        }
    }

    async fn fetch(&self, community: &str) -> Result<Option<Image>, Status> {
        let request = GetCommunityImageRequest { name: community.to_owned() };
        let answer = match self.community.clone().get_community_image(request).await {
            Ok(answer) => answer.into_inner(),
            // It has gone meanwhile.
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(status) => return Err(status),
        };
        let image = Image::new(&answer.media_type, answer.image);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(answer.image_id, image.clone());
        Ok(image)
    }
}
