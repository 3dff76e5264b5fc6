import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { documentLimit, tarCompressionOf, tarMagicSize } from '../../oci/index.ts';
import { listTar, type TarMember } from './tar.ts';

/** An archive whose members are known by place. */
export type Archive = {
  readonly host: Host;
  readonly path: string;
  readonly members: ReadonlyMap<string, TarMember>;
};

export async function readArchive(host: Host, path: string): Promise<Archive> {
  await using file = await host.files.open(path);
  const start = Buffer.alloc(tarMagicSize);
  await file.read(start, 0);
  if (tarCompressionOf(start) !== undefined)
    throw new MosError('unsupported', `cannot read the archive ${path}: it is compressed`, {
      hint: 'unpack it first with gunzip or unzstd',
    });
  return { host, path, members: await listTar(file, path) };
}

export const badArchive = (path: string, why: string, cause?: unknown): MosError =>
  new MosError('invalid', `cannot read the archive ${path}: ${why}`, cause === undefined ? {} : { cause });

const linkLimit = 8;

/** A file by name. Links are followed within the archive: old `docker save` shares equal layers by them. */
export function memberOf({ path, members }: Archive, name: string): TarMember {
  let at = normal(name);
  for (let links = 0; links < linkLimit; links++) {
    const member = members.get(at);
    if (member?.type === 'file') return member;
    if (member?.type === 'symlink') at = normal(`${at}/../${member.target}`);
    else if (member?.type === 'link') at = normal(member.target);
    else throw badArchive(path, `${JSON.stringify(name.slice(0, 200))} is missing`);
  }
  throw badArchive(path, `${JSON.stringify(name.slice(0, 200))} is behind more than ${linkLimit} links`);
}

/** The name without `.`, `..` and empty parts; `..` at the top stays at the top. */
function normal(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

export async function readMember(archive: Archive, name: string): Promise<Uint8Array> {
  const { offset, size } = memberOf(archive, name);
  if (size > documentLimit)
    throw badArchive(archive.path, `${name} has ${size} bytes, the limit is ${documentLimit}`);
  return readBytes(archive, offset, size);
}

export async function readBytes({ host, path }: Archive, offset: number, size: number): Promise<Uint8Array> {
  await using file = await host.files.open(path);
  const bytes = Buffer.alloc(size);
  if ((await file.read(bytes, offset)) < size) throw badArchive(path, 'it ends in the middle');
  return bytes;
}
