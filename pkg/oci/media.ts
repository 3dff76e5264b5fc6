/** Media types and annotation keys, see FORMATS 4 and 7 and OCI image-spec 1.1, "Media Types". */
export const media = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  layerTar: 'application/vnd.oci.image.layer.v1.tar',
  layerTarGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerTarZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerTar: 'application/vnd.docker.image.rootfs.diff.tar',
  squashfsPrefix: 'application/vnd.stacker.image.layer.squashfs',
  erofsPrefix: 'application/vnd.stacker.image.layer.erofs',
  install: 'application/vnd.machine.install',
  certificate: 'application/vnd.machine.pubkeycrt',
  signature: 'application/vnd.machine.signature',
  revocation: 'application/vnd.machine.crl',
  /** The files of a release channel (docs/release-channels.md). */
  channel: {
    root: 'application/vnd.machine.tuf.root',
    targets: 'application/vnd.machine.tuf.targets',
    snapshot: 'application/vnd.machine.tuf.snapshot',
    timestamp: 'application/vnd.machine.tuf.timestamp',
    index: 'application/vnd.machine.release-index',
  },
} as const;

export const annotationKeys = {
  refName: 'org.opencontainers.image.ref.name',
  title: 'org.opencontainers.image.title',
  created: 'org.opencontainers.image.created',
  verityRoot: 'io.stackeroci.stacker.atomfs_verity_root_hash',
  verityRootSquashfs: 'io.stackeroci.stacker.squashfs_verity_root_hash',
  /** Of the image of a bootkit: digest and size of its boot file, and the id that the initrd in it has. */
  bootFile: 'io.machine.mos.boot-file',
  bootFileSize: 'io.machine.mos.boot-file-size',
  buildId: 'io.machine.mos.build-id',
} as const;

export const isIndexType = (type: string): boolean => type === media.index || type === media.dockerList;
export const isManifestType = (type: string): boolean =>
  type === media.manifest || type === media.dockerManifest;
