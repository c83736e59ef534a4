//! Where calls come from.

use std::net::Ipv6Addr;

use sandbox::Caller;
use tonic::Request;
use uuid::Uuid;

/// A place that calls from an address of its own, through a page that forwards it.
#[derive(Clone)]
pub struct Source {
    /// Calls as the page.
    pub page: Caller,
    /// The address.
    pub address: String,
}

impl Source {
    /// One that never called.
    pub fn new() -> Self {
        let (one, two, ..) = Uuid::new_v4().as_fields();
        let address = Ipv6Addr::new(0x2001, 0xdb8, (one >> 16) as u16, two, 0, 0, 0, 1).to_string();
        Self { page: Caller::nobody().service("alerts"), address }
    }

    /// `message`, from here.
    pub fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        let address = self.address.parse().expect("an address is ASCII");
        request.metadata_mut().insert("usher-source-address", address);
        request
    }
}
