use image::ImageFormat;
use tonic::{Code, Status};
use usher_api::community::{
    Community, GetCommunityImageRequest, GetCommunityImageResponse, UpdateCommunityImageRequest,
};

use super::{denied, holder, no_community, outsiders};
use crate::support::acts::suspend_community;
use crate::support::people::{Person, admin};
use crate::support::picture::picture;
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp};

const PERMISSION: &str = "communities.update";

pub fn request(name: &str, image: Vec<u8>) -> UpdateCommunityImageRequest {
    UpdateCommunityImageRequest {
        name: name.to_owned(),
        image,
        etag: String::new(),
        request_id: request_id(),
    }
}

pub async fn update(actor: &Person, request: UpdateCommunityImageRequest) -> Result<Community, Status> {
    let answer = actor.caller.community().update_community_image(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

async fn image(actor: &Person, name: &str) -> Result<GetCommunityImageResponse, Status> {
    let request = GetCommunityImageRequest { name: name.to_owned() };
    Ok(actor.caller.community().get_community_image(request).await?.into_inner())
}

#[tokio::test]
async fn png_jpeg_and_webp_are_kept_as_they_came() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut known = String::new();
    for (format, media_type) in [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        let content = picture(format, 3);
        let after = update(&admin, request(&place, content.clone())).await.unwrap();
        assert!(!after.image_id.is_empty() && after.image_id != known);
        let kept = image(&admin, &place).await.unwrap();
        assert_eq!((&*kept.media_type, kept.image, &kept.image_id), (media_type, content, &after.image_id));
        known = after.image_id;
    }
    let after = update(&admin, request(&place, Vec::new())).await.unwrap();
    assert!(after.image_id.is_empty());
    let metadata = refused(image(&admin, &place).await, Code::NotFound, "IMAGE_NOT_FOUND");
    assert_eq!(metadata["community"], place);
}

#[tokio::test]
async fn what_is_no_image_is_refused_by_its_content() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let good = picture(ImageFormat::Png, 300);
    let mut huge = good.clone();
    // The width in the header, which comes before everything else.
    huge[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    let cases = [
        (b"<svg onload=alert(1)></svg>".to_vec(), "UNKNOWN_FORMAT"),
        (good[..good.len() / 2].to_vec(), "BROKEN"),
        (picture(ImageFormat::Png, 2_049), "TOO_MANY_PIXELS"),
        (vec![0; 512 * 1_024 + 1], "TOO_LARGE"),
    ];
    for (content, problem) in cases {
        let answer = update(&admin, request(&place, content)).await;
        assert_eq!(refused(answer, Code::InvalidArgument, "IMAGE_INVALID")["problem"], problem);
    }
    // Whether the header is believed or its checksum is not: no memory is taken for such a size.
    let answer = update(&admin, request(&place, huge)).await;
    let problem = refused(answer, Code::InvalidArgument, "IMAGE_INVALID").remove("problem").unwrap();
    assert!(problem == "TOO_MANY_PIXELS" || problem == "BROKEN", "{problem}");
    refused(image(&admin, &place).await, Code::NotFound, "IMAGE_NOT_FOUND");
}

#[tokio::test]
async fn refuses_whoever_may_not_change_it() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let (place, content) = (&tree.inside[0], picture(ImageFormat::Png, 3));
    for outsider in outsiders(&admin, &tree).await {
        denied(update(&outsider, request(place, content.clone())).await, PERMISSION, place);
        // Authority comes before the rest.
        denied(update(&outsider, request(place, b"no image".to_vec())).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    for other in [&tree.root, &tree.inside[1], &nowhere] {
        denied(update(&inner, request(other, content.clone())).await, PERMISSION, other);
    }
    update(&inner, request(place, content.clone())).await.unwrap();
    suspend_community(&admin, place).await;
    let answer = update(&inner, request(place, content)).await;
    assert_eq!(&refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["community"], place);
}

#[tokio::test]
async fn a_stale_etag_and_wrong_fields_are_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let content = picture(ImageFormat::Png, 3);
    let stale = UpdateCommunityImageRequest { etag: "0".to_owned(), ..request(&place, content.clone()) };
    assert_eq!(refused(update(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH")["resource"], place);
    let wrong = UpdateCommunityImageRequest { request_id: "42".to_owned(), ..request("northwind", content) };
    refused_fields(update(&admin, wrong).await, &["name", "request_id"]);
}

#[tokio::test]
async fn a_repeated_request_sets_it_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let first = request(&place, picture(ImageFormat::Png, 3));
    let set = update(&admin, first.clone()).await.unwrap();
    update(&admin, request(&place, Vec::new())).await.unwrap();
    assert_eq!(update(&admin, first.clone()).await.unwrap(), set);
    refused(image(&admin, &place).await, Code::NotFound, "IMAGE_NOT_FOUND");
    let reused = UpdateCommunityImageRequest { image: Vec::new(), ..first };
    refused(update(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

/// Says of itself, under a right checksum, that it is 100,000 pixels wide and high. Its content is that of one pixel.
const HUGE_PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\x02\0\0\0'0\x9c\x9f\
    \0\0\0\x0cIDATx\xdac0(\xd8\0\0\x02$\x01Q\xb3n\x9c\xce\0\0\0\0IEND\xaeB`\x82";

/// An image of exactly this many bytes: filled with comments, of which a JPEG image may have any number.
fn jpeg(size: usize) -> Vec<u8> {
    let image = picture(ImageFormat::Jpeg, 3);
    let (begin, body) = image.split_at(2);
    let (mut filled, mut missing) = (begin.to_vec(), size - image.len());
    while missing > 0 {
        // What is left is never so little that no comment fits.
        let length = if missing > 60_004 { 60_000 } else { missing };
        filled.extend([0xff, 0xfe]);
        filled.extend(u16::try_from(length - 2).expect("a comment is short").to_be_bytes());
        filled.resize(filled.len() + length - 4, b' ');
        missing -= length;
    }
    filled.extend(body);
    filled
}

#[tokio::test]
async fn what_claims_to_be_huge_or_is_damaged_inside_is_refused_and_the_old_image_stays() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let before = update(&admin, request(&place, picture(ImageFormat::Png, 3))).await.unwrap();
    let damaged = |format| {
        let mut content = picture(format, 300);
        let middle = content.len() - 20;
        content[middle] ^= 0xff;
        content
    };
    let cut = |format| {
        let content = picture(format, 300);
        content[..content.len() / 2].to_vec()
    };
    let cases = [
        (HUGE_PNG.to_vec(), "TOO_MANY_PIXELS"),
        (picture(ImageFormat::Jpeg, 2_049), "TOO_MANY_PIXELS"),
        (picture(ImageFormat::WebP, 2_049), "TOO_MANY_PIXELS"),
        (damaged(ImageFormat::Png), "BROKEN"),
        (cut(ImageFormat::WebP), "BROKEN"),
        (b"This is called logo.png".to_vec(), "UNKNOWN_FORMAT"),
        (b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "UNKNOWN_FORMAT"),
        (jpeg(512 * 1_024 + 1), "TOO_LARGE"),
    ];
    for (content, problem) in cases {
        let answer = update(&admin, request(&place, content)).await;
        assert_eq!(refused(answer, Code::InvalidArgument, "IMAGE_INVALID")["problem"], problem);
    }
    assert_eq!(image(&admin, &place).await.unwrap().image_id, before.image_id);
}

#[tokio::test]
async fn the_largest_is_accepted() {
    let admin = admin().await;
    let place = managed(&admin).await;
    for content in [jpeg(512 * 1_024), picture(ImageFormat::Png, 2_048)] {
        update(&admin, request(&place, content.clone())).await.unwrap();
        assert!(image(&admin, &place).await.unwrap().image == content);
    }
}
