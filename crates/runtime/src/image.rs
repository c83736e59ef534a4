//! Whether bytes are an image that a community or a person may have.

use std::fmt::{self, Write as _};
use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};
use sha2::{Digest as _, Sha256};

/// The longest image. With the rest of the request it stays below the largest request.
pub const MOST_BYTES: usize = 512 * 1_024;
/// The widest and the highest, more than any screen shows of a logo.
const MOST_PIXELS: u32 = 2_048;
/// What decoding may take: such an image with four bytes a pixel, twice.
const MOST_MEMORY: u64 = 2 * 4 * 2_048 * 2_048;

/// What is wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageProblem {
    /// More than 512 KiB.
    TooLarge,
    /// Neither PNG nor JPEG nor WebP.
    UnknownFormat,
    /// The content cannot be read as what it begins as.
    Broken,
    /// More than 2,048 pixels wide or high.
    TooManyPixels,
}

impl ImageProblem {
    /// As the metadata of the refusal tells it.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::TooLarge => "TOO_LARGE",
            Self::UnknownFormat => "UNKNOWN_FORMAT",
            Self::Broken => "BROKEN",
            Self::TooManyPixels => "TOO_MANY_PIXELS",
        }
    }
}

impl fmt::Display for ImageProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLarge => "it has more than 512 KiB",
            Self::UnknownFormat => "it is neither PNG nor JPEG nor WebP",
            Self::Broken => "it cannot be read",
            Self::TooManyPixels => "it is more than 2,048 pixels wide or high",
        })
    }
}

/// What an image is, by its content, whatever anybody calls it.
pub struct Examined {
    /// Such as `image/png`.
    pub media_type: &'static str,
    /// Tells it apart from other images.
    pub id: String,
}

/// Reads `content` to its end, which takes a few milliseconds of a core.
pub fn examine(content: &[u8]) -> Result<Examined, ImageProblem> {
    if content.len() > MOST_BYTES {
        return Err(ImageProblem::TooLarge);
    }
    let format = image::guess_format(content).map_err(|_| ImageProblem::UnknownFormat)?;
    let media_type = match format {
        ImageFormat::Png => "image/png",
        ImageFormat::Jpeg => "image/jpeg",
        ImageFormat::WebP => "image/webp",
        _ => return Err(ImageProblem::UnknownFormat),
    };
    // The size is in the first bytes: what claims to be huge is refused before memory is taken for it.
    let size = ImageReader::with_format(Cursor::new(content), format).into_dimensions();
    let (width, height) = size.map_err(|_| ImageProblem::Broken)?;
    if width > MOST_PIXELS || height > MOST_PIXELS {
        return Err(ImageProblem::TooManyPixels);
    }
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    reader.decode().map_err(|_| ImageProblem::Broken)?;
    Ok(Examined { media_type, id: id(content) })
}

/// The first half of the content's hash, in hexadecimal digits.
fn id(content: &[u8]) -> String {
    Sha256::digest(content).iter().take(16).fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut content = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(width, height).write_to(&mut content, ImageFormat::Png).unwrap();
        content.into_inner()
    }

    #[test]
    fn images_are_what_their_content_says() {
        let good = png(3, 2);
        assert_eq!(examine(&good).map(|image| image.media_type), Ok("image/png"));
        assert_eq!(examine(b"GIF89a").map(|_| ()), Err(ImageProblem::UnknownFormat));
        assert_eq!(examine(b"<svg onload=alert(1)>").map(|_| ()), Err(ImageProblem::UnknownFormat));
        assert_eq!(examine(&good[..good.len() - 20]).map(|_| ()), Err(ImageProblem::Broken));
        assert_eq!(examine(&vec![0; MOST_BYTES + 1]).map(|_| ()), Err(ImageProblem::TooLarge));
        assert_eq!(examine(&png(2_049, 1)).map(|_| ()), Err(ImageProblem::TooManyPixels));
        assert!(examine(&png(2_048, 2_048)).is_ok());
    }
}
