//! Generates the Rust side of `proto/`, without `protoc`, and the table of who may call which RPC.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

const ROOT: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_source_info(true).include_imports(true).open_files(proto_files(Path::new(ROOT))?)?;

    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let encoded = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("access.rs"), access_table(&DescriptorPool::decode(encoded.as_slice())?)?)?;
    std::fs::write(out.join("descriptor_set.bin"), encoded)?;

    tonic_prost_build::configure()
        .emit_package(true)
        .emit_rerun_if_changed(false)
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// All `.proto` files below `folder`, relative to the root, in a stable order.
fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The source of `METHODS`. An RPC that does not state its access fails the build: forgetting it must not open it.
fn access_table(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut source = String::from("/// All RPCs of the suite.\npub static METHODS: &[Method] = &[\n");
    for service in pool.services().filter(|service| service.full_name().starts_with("usher.")) {
        for method in service.methods() {
            writeln!(source, "    {},", access_row(pool, &method)?)?;
        }
    }
    source.push_str("];\n");
    Ok(source)
}

fn access_row(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<String, Box<dyn Error>> {
    let name = method.full_name();
    let extension =
        pool.get_extension_by_name("usher.rpc.v1.access").ok_or("usher.rpc.v1.access is missing")?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return Err(format!("{name} does not say who may call it: set (usher.rpc.v1.access)").into());
    }
    let Value::Message(access) = options.get_extension(&extension).into_owned() else {
        return Err(format!("{name}: (usher.rpc.v1.access) is not a message").into());
    };
    let flag =
        |field: &str| access.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or(false);
    let (anybody, users, platform_admins) = (flag("anybody"), flag("users"), flag("platform_admins"));
    let programs = flag("programs");
    let services = access.get_field_by_name("services");
    let services: Vec<&str> = services
        .as_deref()
        .and_then(Value::as_list)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if !(anybody || users || platform_admins || programs) && services.is_empty() {
        return Err(format!("{name} admits nobody: set a field of (usher.rpc.v1.access)").into());
    }
    let service = method.parent_service().full_name();
    let path = format!("/{service}/{}", method.name());
    Ok(format!(
        "Method {{ path: {path:?}, anybody: {anybody}, users: {users}, services: &{services:?}, \
         platform_admins: {platform_admins}, programs: {programs} }}"
    ))
}
