import { MosError } from '../../errors/index.ts';
import type { DmCreateOptions, DmDevice, DmTarget, HeldDevice } from '../devices.ts';
import { Descriptor, majorOf, makeBlockNode, minorOf, openFlags, renderDevice } from './descriptor.ts';
import { errnoError } from './errors.ts';
import { type Libc, libc } from './libc/index.ts';
import {
  type Command,
  flags,
  parseNames,
  parseReply,
  parseTargets,
  type Reply,
  type Request,
  renderRequest,
  requestOf,
} from './mapper-buffer.ts';
import { errnoName, syscalls } from './syscalls.ts';

const control = '/dev/mapper/control';
const largestReply = 1024 * 1024;
const lockExclusive = 2;

/** What was asked, with the errno that came back where it failed. */
type Answer = { readonly reply: Reply } | { readonly errno: string };

function ask(calls: Libc, at: Descriptor, command: Command, request: Request): Answer {
  for (let size = 16_384; ; size *= 4) {
    const bytes = renderRequest(request, size);
    const { value, errno } = calls.call(syscalls.ioctl, at.number, requestOf(command), bytes);
    if (value < 0) return { errno: errnoName(errno) };
    const reply = parseReply(bytes);
    if ((reply.flags & flags.bufferFull) === 0 || size >= largestReply) return { reply };
  }
}

/** The reply, or undefined where the device isn't there (ENXIO). */
function askDevice(calls: Libc, at: Descriptor, command: Command, request: Request): Reply | undefined {
  const answer = ask(calls, at, command, request);
  if ('reply' in answer) return answer.reply;
  if (answer.errno === 'ENXIO') return undefined;
  throw errnoError(`${command}`, `the device-mapper device ${request.name}`, answer.errno);
}

function openControl(calls: Libc): Descriptor {
  try {
    return Descriptor.open(calls, control, openFlags.write);
  } catch (cause) {
    if (cause instanceof MosError && cause.code === 'denied') throw cause;
    throw new MosError('unsupported', 'cannot use device-mapper: this kernel has none', {
      cause,
      hint: `load the modules dm-mod and dm-verity (${control} must be there); a development machine without them can use --integrity digest`,
    });
  }
}

export async function hasDeviceMapper(): Promise<boolean> {
  const calls = await libc();
  try {
    using _ = openControl(calls);
    return true;
  } catch (error) {
    if (error instanceof MosError && error.code === 'unsupported') return false;
    throw error;
  }
}

export async function dmList(): Promise<DmDevice[]> {
  const calls = await libc();
  using at = openControl(calls);
  const answer = ask(calls, at, 'list', {});
  if ('reply' in answer) return parseNames(answer.reply);
  throw errnoError('list', 'the device-mapper devices', answer.errno);
}

export async function dmTable(
  name: string,
  options: { readonly status?: boolean } = {},
): Promise<DmTarget[] | undefined> {
  const calls = await libc();
  using at = openControl(calls);
  const reply = askDevice(calls, at, 'table', { name, flags: options.status ? 0 : flags.statusTable });
  return reply && parseTargets(reply);
}

/**
 * Everything between the name and the open node happens in one go, under a lock on the control node: another mosctl
 * sees no device or a finished one. What it then finds without a table was left by a process that died.
 */
export async function dmCreate(
  name: string,
  uuid: string,
  table: readonly DmTarget[],
  options: DmCreateOptions = {},
): Promise<HeldDevice> {
  const calls = await libc();
  using at = openControl(calls);
  lock(calls, at);
  const created = create(calls, at, name, uuid);
  if (!('reply' in created))
    throw created.errno === 'EBUSY'
      ? new MosError('exists', `cannot create the device-mapper device ${name}: it exists already`)
      : errnoError('create', `the device-mapper device ${name}`, created.errno);
  try {
    return activate(calls, at, name, table, options);
  } catch (error) {
    ask(calls, at, 'remove', { name });
    throw error;
  }
}

function create(calls: Libc, at: Descriptor, name: string, uuid: string): Answer {
  const first = ask(calls, at, 'create', { name, uuid });
  if ('reply' in first || first.errno !== 'EBUSY' || !isUnfinished(calls, at, name)) return first;
  askDevice(calls, at, 'remove', { name });
  return ask(calls, at, 'create', { name, uuid });
}

/** Blocks; nobody holds it longer than a few calls take, and it ends with its process. */
function lock(calls: Libc, at: Descriptor): void {
  for (;;) {
    const { value, errno } = calls.call(syscalls.flock, at.number, lockExclusive);
    if (value === 0) return;
    if (errnoName(errno) !== 'EINTR') throw errnoError('lock', control, errnoName(errno));
  }
}

function isUnfinished(calls: Libc, at: Descriptor, name: string): boolean {
  const found = askDevice(calls, at, 'status', { name });
  return found !== undefined && found.openCount === 0 && (found.flags & flags.activePresent) === 0;
}

function activate(
  calls: Libc,
  at: Descriptor,
  name: string,
  table: readonly DmTarget[],
  options: DmCreateOptions,
): HeldDevice {
  const loaded = ask(calls, at, 'load', { name, table, flags: options.readOnly ? flags.readOnly : 0 });
  if (!('reply' in loaded)) throw refusedTable(name, table, loaded.errno);
  const resumed = ask(calls, at, 'suspend', { name });
  if (!('reply' in resumed)) throw errnoError('activate', `the device-mapper device ${name}`, resumed.errno);
  const held = hold(calls, resumed.reply);
  if (options.removeWithLastUser) ask(calls, at, 'remove', { name, flags: flags.deferredRemove });
  return held;
}

function refusedTable(name: string, table: readonly DmTarget[], errno: string): MosError {
  const types = [...new Set(table.map((target) => target.type))].join(', ');
  if (errno !== 'EINVAL') return errnoError('load', `the table of the device-mapper device ${name}`, errno);
  return new MosError(
    'unsupported',
    `cannot load the table of the device-mapper device ${name}: the kernel refused it`,
    { hint: `the kernel log says why; a missing module (dm-${types}) is one reason` },
  );
}

/** Opens the node; the kernel makes it where there is a devtmpfs, we do elsewhere. */
function hold(calls: Libc, reply: Reply): HeldDevice {
  const device = `/dev/dm-${minorOf(reply.device)}`;
  const descriptor = openNode(calls, device, reply.device);
  return {
    device,
    number: renderDevice(reply.device),
    [Symbol.asyncDispose]: async () => descriptor[Symbol.dispose](),
  };
}

function openNode(calls: Libc, device: string, number: number): Descriptor {
  try {
    return Descriptor.open(calls, device, openFlags.read);
  } catch (error) {
    if (!(error instanceof MosError) || error.code !== 'not-found') throw error;
    makeBlockNode(calls, device, majorOf(number), minorOf(number));
    return Descriptor.open(calls, device, openFlags.read);
  }
}

export async function dmOpen(name: string): Promise<HeldDevice | undefined> {
  const calls = await libc();
  using at = openControl(calls);
  const found = askDevice(calls, at, 'status', { name });
  if (found === undefined || (found.flags & flags.activePresent) === 0) return undefined;
  try {
    return hold(calls, found);
  } catch (error) {
    // It ended between the two calls: the open of a device that is being freed fails with ENXIO or ENODEV.
    if (askDevice(calls, at, 'status', { name }) === undefined) return undefined;
    throw error;
  }
}

export async function dmRemove(
  name: string,
  options: { readonly deferred?: boolean } = {},
): Promise<boolean> {
  const calls = await libc();
  using at = openControl(calls);
  const reply = askDevice(calls, at, 'remove', { name, flags: options.deferred ? flags.deferredRemove : 0 });
  return reply !== undefined;
}
