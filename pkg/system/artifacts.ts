import { annotationKeys, type Descriptor, digestOf, media } from '../oci/index.ts';

/** A document with what it names, ready to be put: blobs first, the manifest last. */
export type Artifact = {
  readonly root: Descriptor;
  readonly contents: readonly (readonly [Descriptor, Uint8Array])[];
};

export type ArtifactOptions = {
  /** RFC 3339; left out unless given, so that publishing twice gives the same bytes. */
  readonly created?: string | undefined;
};

const emptyBytes = new TextEncoder().encode('{}');
/** image-spec 1.1, "Guidance for an Empty Descriptor" */
const emptyConfig: Descriptor = {
  mediaType: media.empty,
  digest: digestOf(emptyBytes),
  size: emptyBytes.length,
};

/** FORMATS 4: the signed bytes as an artifact. */
export const installArtifact = (bytes: Uint8Array, options: ArtifactOptions = {}): Artifact =>
  artifact(media.install, blob(media.install, bytes, 'index.json'), undefined, options);

/** FORMATS 4: the signer's certificate, PEM. */
export const certificateArtifact = (
  pem: Uint8Array,
  subject: Descriptor,
  options: ArtifactOptions = {},
): Artifact => artifact(media.certificate, blob(media.layerTar, pem, 'manifestCert.pem'), subject, options);

/** FORMATS 4: the raw signature. */
export const signatureArtifact = (
  raw: Uint8Array,
  subject: Descriptor,
  options: ArtifactOptions = {},
): Artifact => artifact(media.signature, blob(media.layerTar, raw, 'install.json.signed'), subject, options);

/** FORMATS 5: certificates of the keyset that must not be believed any more, PEM. */
export const revocationArtifact = (
  lists: Uint8Array,
  subject: Descriptor,
  options: ArtifactOptions = {},
): Artifact => artifact(media.revocation, blob(media.layerTar, lists, 'crl.pem'), subject, options);

/** A file of a release channel; its title is its name there. */
export const channelArtifact = (
  role: keyof typeof media.channel,
  bytes: Uint8Array,
  file: string,
): Artifact => artifact(media.channel[role], blob(media.channel[role], bytes, file), undefined, {});

type Blob = readonly [Descriptor, Uint8Array];

const blob = (mediaType: string, bytes: Uint8Array, title: string): Blob => [
  { mediaType, digest: digestOf(bytes), size: bytes.length, annotations: { [annotationKeys.title]: title } },
  bytes,
];

function artifact(
  type: string,
  layer: Blob,
  subject: Descriptor | undefined,
  options: ArtifactOptions,
): Artifact {
  const document = {
    schemaVersion: 2,
    mediaType: media.manifest,
    artifactType: type,
    config: emptyConfig,
    layers: [layer[0]],
    ...(subject === undefined ? {} : { subject: plain(subject) }),
    ...(options.created === undefined ? {} : { annotations: { [annotationKeys.created]: options.created } }),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const root: Descriptor = {
    mediaType: media.manifest,
    digest: digestOf(bytes),
    size: bytes.length,
    artifactType: type,
  };
  return { root, contents: [[emptyConfig, emptyBytes], layer, [root, bytes]] };
}

const plain = ({ mediaType, digest, size }: Descriptor) => ({ mediaType, digest, size });
