import { MosError, type Secret } from '../errors/index.ts';
import type { TpmDevice } from '../host/index.ts';
import { Reader, sized, u8, u16, u32 } from './wire.ts';

/** TPM_CC, Part 2, 6.5.2 */
export const commandCodes = {
  evictControl: 0x120,
  nvUndefineSpace: 0x122,
  clear: 0x126,
  hierarchyChangeAuth: 0x129,
  nvDefineSpace: 0x12a,
  createPrimary: 0x131,
  nvIncrement: 0x134,
  nvExtend: 0x136,
  nvWrite: 0x137,
  dictionaryAttackLockReset: 0x139,
  dictionaryAttackParameters: 0x13a,
  policyNv: 0x149,
  nvRead: 0x14e,
  quote: 0x158,
  flushContext: 0x165,
  loadExternal: 0x167,
  nvReadPublic: 0x169,
  policyAuthorize: 0x16a,
  policyCommandCode: 0x16c,
  readPublic: 0x173,
  startAuthSession: 0x176,
  verifySignature: 0x177,
  getCapability: 0x17a,
  pcrRead: 0x17e,
  policyPcr: 0x17f,
  pcrExtend: 0x182,
} as const;
export type CommandName = keyof typeof commandCodes;

/** Fixed handles, Part 2, 7.4. */
export const handles = {
  owner: 0x40000001,
  null: 0x40000007,
  password: 0x40000009,
  lockout: 0x4000000a,
  endorsement: 0x4000000b,
} as const;

/** How the first handle is authorized: by its auth value ('' where it has none), or by a policy session. */
export type Authorization = { readonly password: Secret | '' } | { readonly session: number };

export type TpmCommand = {
  readonly name: CommandName;
  readonly handles?: readonly number[];
  readonly authorization?: Authorization;
  readonly parameters?: readonly Uint8Array[];
  /** The response begins with a handle. */
  readonly returnsHandle?: boolean;
  /** Response codes that are an answer and no failure. */
  readonly accept?: readonly number[];
};

export type TpmAnswer = { readonly code: number; readonly handle: number; readonly parameters: Reader };

const withoutSessions = 0x8001;
const withSessions = 0x8002;
const headerSize = 10;

/** One command and its answer. `what` is for the message: `cannot read 0x1500040: the TPM …`. */
export async function ask(tpm: TpmDevice, what: string, command: TpmCommand): Promise<TpmAnswer> {
  const { tag, code, body } = await sendPatiently(tpm, renderCommand(command));
  if (code !== 0) {
    if (command.accept?.includes(code)) return { code, handle: 0, parameters: new Reader(new Uint8Array()) };
    throw refused(what, code);
  }
  const handle = command.returnsHandle ? body.u32() : 0;
  const parameters = tag === withSessions ? new Reader(body.take(body.u32())) : body;
  return { code, handle, parameters };
}

/** "Send it again" (TPM_RC_RETRY): it writes first that a password will be tried. The kernel does so by itself. */
const again = 0x922;
const mostTries = 10;

async function sendPatiently(tpm: TpmDevice, command: Uint8Array) {
  for (let tries = 1; ; tries++) {
    const body = new Reader(await tpm.send(command));
    const tag = body.u16();
    body.u32();
    const code = body.u32();
    if (code !== again || tries === mostTries) return { tag, code, body };
  }
}

export function renderCommand({
  name,
  handles: used = [],
  authorization,
  parameters = [],
}: TpmCommand): Uint8Array {
  const area = authorization && renderAuthorization(authorization);
  const body = Buffer.concat([...used.map(u32), ...(area ? [u32(area.length), area] : []), ...parameters]);
  const tag = area ? withSessions : withoutSessions;
  return Buffer.concat([u16(tag), u32(headerSize + body.length), u32(commandCodes[name]), body]);
}

/** TPMS_AUTH_COMMAND, Part 2, 10.13.2. A session goes on after the command; it is flushed by whoever started it. */
function renderAuthorization(authorization: Authorization): Buffer {
  const noNonce = sized(new Uint8Array());
  const goesOn = 1;
  if ('session' in authorization)
    return Buffer.concat([u32(authorization.session), noNonce, u8(goesOn), sized(new Uint8Array())]);
  const { password } = authorization;
  const value = password === '' ? new Uint8Array() : Buffer.from(password.reveal(), 'latin1');
  return Buffer.concat([u32(handles.password), noNonce, u8(goesOn), sized(value)]);
}

/** Response codes that are told by name (Part 2, 6.6); those of format one are listed without their handle or parameter. */
export const responseCodes = {
  handle: 0x08b,
  value: 0x084,
  signature: 0x09b,
  policyFail: 0x09d,
  badAuth: 0x0a2,
  authFail: 0x08e,
  nvLocked: 0x148,
  nvAuthorization: 0x149,
  nvUninitialized: 0x14a,
  nvSpace: 0x14b,
  nvDefined: 0x14c,
  lockout: 0x921,
} as const;

const meanings: Readonly<Record<number, string>> = {
  [responseCodes.handle]: 'there is no such index or key',
  [responseCodes.value]: 'a value does not fit: a policy is not the one that was signed',
  [responseCodes.signature]: 'the signature is not of this key and digest',
  [responseCodes.policyFail]: 'the policy is not met',
  [responseCodes.badAuth]: 'wrong password',
  [responseCodes.authFail]: 'wrong password',
  [responseCodes.nvAuthorization]: 'not allowed with this authorization',
  [responseCodes.nvUninitialized]: 'nothing was written there yet',
  [responseCodes.nvSpace]: 'it is full',
  [responseCodes.nvDefined]: 'the index is there already',
  [responseCodes.lockout]: 'too many wrong passwords: it is locked',
};

const formatOne = 0x080;
/** Without the number of the handle, session or parameter that is meant. */
export const bareCode = (code: number): number => ((code & formatOne) === 0 ? code : code & 0x0bf);

const denials: readonly number[] = [
  responseCodes.policyFail,
  responseCodes.badAuth,
  responseCodes.authFail,
  responseCodes.nvAuthorization,
  responseCodes.value,
  responseCodes.signature,
];

function refused(what: string, code: number): MosError {
  const bare = bareCode(code);
  const meaning = meanings[bare];
  const kind = denials.includes(bare) ? 'denied' : bare === responseCodes.handle ? 'not-found' : 'io';
  const number = `0x${code.toString(16)}`;
  return new MosError(
    kind,
    `cannot ${what}: the TPM refuses (${meaning === undefined ? number : `${meaning}, ${number}`})`,
  );
}
