import { MosError } from '../errors/index.ts';
import { type Digest, isDigest, parseDigest } from './digest.ts';

/** An image or artifact, see FORMATS 1 "References". `name` is a tag or a digest. Made by `parseReference` only. */
export type Reference = RegistryReference | LayoutReference | ZotReference;
export type RegistryReference = {
  readonly kind: 'registry';
  /** `host[:port]` */
  readonly registry: string;
  readonly repository: string;
  readonly name: string | Digest;
  /** What the text says about TLS; undefined: https unless the host is loopback. */
  readonly scheme: 'https' | 'http' | undefined;
};
export type LayoutReference = { readonly kind: 'oci'; readonly folder: string; readonly name: string };
export type ZotReference = {
  readonly kind: 'zot';
  readonly root: string;
  readonly repository: string;
  readonly name: string | Digest;
};

/** Distribution-spec 1.1: repository names and tags. */
const repositoryPattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const registryPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?$/;

export const isRepositoryName = (text: string): boolean => text.length <= 255 && repositoryPattern.test(text);
export const isRegistry = (text: string): boolean => registryPattern.test(text);
export const isTag = (text: string): boolean => tagPattern.test(text);

/** Folders may have spaces in their names; nothing may steer a terminal or end a line of the history. */
export function parseReference(text: string): Reference {
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) throw bad(text, 'it contains control characters');
  if (text.startsWith('oci:')) return parseLayout(text);
  if (text.startsWith('zot:')) return parseZot(text);
  return parseRegistry(text);
}

function parseLayout(text: string): LayoutReference {
  const rest = text.slice('oci:'.length);
  const colon = rest.lastIndexOf(':');
  if (colon < 1 || rest.slice(colon).includes('/')) throw bad(text, 'the form is oci:DIR:TAG');
  const name = rest.slice(colon + 1);
  // A layout may be named by anything that fits org.opencontainers.image.ref.name (image-spec 1.1, annotations).
  if (name === '' || name.length > 255) throw bad(text, 'the tag is missing');
  if (/\s/.test(name)) throw bad(text, 'the tag contains white space');
  return { kind: 'oci', folder: rest.slice(0, colon), name };
}

function parseZot(text: string): ZotReference {
  const rest = text.slice('zot:'.length);
  const colon = rest.indexOf(':');
  if (colon < 1) throw bad(text, 'the form is zot:ROOT:name:tag');
  const { repository, name } = splitName(text, rest.slice(colon + 1));
  return { kind: 'zot', root: rest.slice(0, colon), repository, name };
}

function parseRegistry(text: string): RegistryReference {
  const match = /^(docker|https|http):\/\//.exec(text);
  const rest = match ? text.slice(match[0].length) : text;
  const scheme = match?.[1] === 'http' ? 'http' : match?.[1] === 'https' ? 'https' : undefined;
  const slash = rest.indexOf('/');
  const registry = slash < 0 ? '' : rest.slice(0, slash);
  if (!registryPattern.test(registry))
    throw bad(text, 'it must begin with the registry, as in host:port/name:tag');
  return { kind: 'registry', registry, scheme, ...splitName(text, rest.slice(slash + 1)) };
}

function splitName(text: string, rest: string): { repository: string; name: string | Digest } {
  const at = rest.indexOf('@');
  const path = at < 0 ? rest : rest.slice(0, at);
  const colon = path.lastIndexOf(':');
  const repository = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (!isRepositoryName(repository)) throw bad(text, `${JSON.stringify(repository)} is no repository name`);
  if (tag !== undefined && !isTag(tag)) throw bad(text, `${JSON.stringify(tag)} is no tag`);
  const name = at < 0 ? tag : parseDigest(rest.slice(at + 1));
  if (name === undefined) throw bad(text, 'a tag or digest is missing');
  return { repository, name };
}

/** Somebody may have written a password, of any characters, before the host: it is not repeated. */
export const redacted = (text: string): string =>
  text.replace(/^((?:[a-z]+:\/\/)?).*@(?!sha[0-9]+:)/is, '$1…@').slice(0, 300);

const bad = (text: string, why: string): MosError =>
  new MosError('usage', `cannot use ${JSON.stringify(redacted(text))} as a reference: ${why}`, {
    hint: 'forms: host[:port]/name:tag, host/name@sha256:…, oci:DIR:TAG, zot:ROOT:name:tag',
  });

/** The text that `parseReference` reads. */
export function renderReference(reference: Reference): string {
  if (reference.kind === 'oci') return `oci:${reference.folder}:${reference.name}`;
  const name = `${reference.repository}${isDigest(reference.name) ? '@' : ':'}${reference.name}`;
  if (reference.kind === 'zot') return `zot:${reference.root}:${name}`;
  return `${reference.scheme === undefined ? '' : `${reference.scheme}://`}${reference.registry}/${name}`;
}
