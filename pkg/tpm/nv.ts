import type { Secret } from '../errors/index.ts';
import type { TpmDevice } from '../host/index.ts';
import { type NvPublic, parseNvPublic, renderNvPublic } from './areas.ts';
import { type Authorization, ask, bareCode, handles, responseCodes } from './command.ts';
import { none, sized, u16, u32 } from './wire.ts';

export const hexIndex = (index: number): string => `0x${index.toString(16)}`;

/** No TPM has to take or give more at once (TPM2_PT_NV_BUFFER_MAX of old ones is 768). */
const pieceSize = 512;
/** On parameter 1, and on handle 1. */
const noHandle = [0x18b, 0x28b, 0x1cb] as const;

/** undefined where the index is not defined. */
export async function readNvPublic(tpm: TpmDevice, index: number): Promise<NvPublic | undefined> {
  const { code, parameters } = await ask(tpm, `look at ${hexIndex(index)}`, {
    name: 'nvReadPublic',
    handles: [index],
    accept: noHandle,
  });
  return bareCode(code) === responseCodes.handle ? undefined : parseNvPublic(parameters.sized());
}

/** `auth` is a value of the index's own. */
export async function defineNv(
  tpm: TpmDevice,
  owner: Secret | '',
  area: NvPublic,
  auth: Secret | '' = '',
): Promise<void> {
  await ask(tpm, `define ${hexIndex(area.index)}`, {
    name: 'nvDefineSpace',
    handles: [handles.owner],
    authorization: { password: owner },
    parameters: [
      sized(auth === '' ? none : Buffer.from(auth.reveal(), 'latin1')),
      sized(renderNvPublic(area)),
    ],
  });
}

export async function undefineNv(tpm: TpmDevice, owner: Secret | '', index: number): Promise<void> {
  await ask(tpm, `remove ${hexIndex(index)}`, {
    name: 'nvUndefineSpace',
    handles: [handles.owner, index],
    authorization: { password: owner },
  });
}

/** By the owner, from the start of the index. */
export async function writeNv(
  tpm: TpmDevice,
  owner: Secret | '',
  index: number,
  content: Uint8Array,
): Promise<void> {
  for (let at = 0; at < content.length; at += pieceSize)
    await ask(tpm, `write ${hexIndex(index)}`, {
      name: 'nvWrite',
      handles: [handles.owner, index],
      authorization: { password: owner },
      parameters: [sized(content.subarray(at, at + pieceSize)), u16(at)],
    });
}

/** Of an index that has `ownerRead`, while nobody is the owner. */
export const readNvOfNobody = (tpm: TpmDevice, area: Pick<NvPublic, 'index' | 'bytes'>): Promise<Buffer> =>
  readNv(tpm, area, () => ({ password: '' }), handles.owner);

/** `authorize` is asked before each piece: a policy is met for one command. `by` is the index itself or the owner. */
export async function readNv(
  tpm: TpmDevice,
  { index, bytes }: Pick<NvPublic, 'index' | 'bytes'>,
  authorize: () => Promise<Authorization> | Authorization,
  by = index,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes; at += pieceSize) {
    const { parameters } = await ask(tpm, `read ${hexIndex(index)}`, {
      name: 'nvRead',
      handles: [by, index],
      authorization: await authorize(),
      parameters: [u16(Math.min(pieceSize, bytes - at)), u16(at)],
    });
    pieces.push(parameters.sized());
  }
  return Buffer.concat(pieces);
}

/** One more on a counter, by its own auth value. */
export async function incrementNv(tpm: TpmDevice, index: number, auth: Secret): Promise<void> {
  await ask(tpm, `raise ${hexIndex(index)}`, {
    name: 'nvIncrement',
    handles: [index, index],
    authorization: { password: auth },
  });
}

/** Of an index that sums up: becomes SHA-256(what it held, `content`), by its own auth value (Part 3, 31.8). */
export async function extendNv(
  tpm: TpmDevice,
  index: number,
  auth: Secret,
  content: Uint8Array,
): Promise<void> {
  await ask(tpm, `extend ${hexIndex(index)}`, {
    name: 'nvExtend',
    handles: [index, index],
    authorization: { password: auth },
    parameters: [sized(content)],
  });
}

const handleCapability = 1;
/** All NV indices, in their order. */
export async function listNv(tpm: TpmDevice): Promise<number[]> {
  const { parameters } = await ask(tpm, 'list its indices', {
    name: 'getCapability',
    parameters: [u32(handleCapability), u32(0x01000000), u32(254)],
  });
  parameters.u8();
  parameters.u32();
  return Array.from({ length: parameters.u32() }, parameters.u32);
}

const permanentProperties = { capability: 6, property: 0x200 } as const;

/** Which hierarchies have a password (TPMA_PERMANENT, Part 2, 8.6). */
export type Owners = Readonly<Record<'owner' | 'endorsement' | 'lockout', boolean>>;

export async function readOwners(tpm: TpmDevice): Promise<Owners> {
  const { parameters } = await ask(tpm, 'ask whether it has an owner', {
    name: 'getCapability',
    parameters: [u32(permanentProperties.capability), u32(permanentProperties.property), u32(1)],
  });
  parameters.take(1 + 4 + 4 + 4); // more, capability, count, property
  const bits = parameters.u32();
  return { owner: (bits & 1) !== 0, endorsement: (bits & 2) !== 0, lockout: (bits & 4) !== 0 };
}

export async function changeAuth(
  tpm: TpmDevice,
  hierarchy: 'owner' | 'endorsement' | 'lockout',
  from: Secret | '',
  to: Secret,
): Promise<void> {
  await ask(tpm, `set the password of its ${hierarchy} hierarchy`, {
    name: 'hierarchyChangeAuth',
    handles: [handles[hierarchy]],
    authorization: { password: from },
    parameters: [sized(Buffer.from(to.reveal(), 'latin1'))],
  });
}

/** Whatever the owner hierarchy has is gone, and all three have no password any more (Part 3, 24.6). */
export async function clearOwners(tpm: TpmDevice, lockout: Secret | ''): Promise<void> {
  await ask(tpm, 'clear it', {
    name: 'clear',
    handles: [handles.lockout],
    authorization: { password: lockout },
  });
}

const neverLocks = 0xffffffff;
const seconds = { tryAgain: 1, lockoutTryAgain: 120 } as const;

/**
 * Never lock because of wrong passwords, and unlock now. To a TPM a power cut after any password was used is a wrong
 * one (Part 1, 19.8.6), so a few of them would lock it; passwords that nobody can guess need no lock.
 */
export async function neverLock(tpm: TpmDevice, lockout: Secret | ''): Promise<void> {
  const common = { handles: [handles.lockout], authorization: { password: lockout } } as const;
  await ask(tpm, 'keep it from locking', {
    ...common,
    name: 'dictionaryAttackParameters',
    parameters: [neverLocks, seconds.tryAgain, seconds.lockoutTryAgain].map(u32),
  });
  await ask(tpm, 'unlock it', { ...common, name: 'dictionaryAttackLockReset' });
}
