//! Pictures.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

/// An image of this width in this format.
pub fn picture(format: ImageFormat, width: u32) -> Vec<u8> {
    let mut content = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(width, 2).write_to(&mut content, format).expect("it is written");
    content.into_inner()
}
