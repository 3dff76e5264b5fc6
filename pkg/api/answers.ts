import type {
  DiffResult,
  LogEntry,
  Mirrors,
  PinResult,
  SecurityPoint,
  SecurityResult,
  ServiceSecurity,
  StatusMount,
  StatusResult,
  StatusTarget,
  UpdateSummary,
} from '../system/index.ts';
import type { AuditEntry } from './audit.ts';
import { anyText, choice, flag, integer, list, nullable, object, type Schema } from './schema.ts';

// What the routes answer: the values of the use cases, field by field. One that gets a field compiles no more until it
// is told here.

const mount = object<StatusMount>({
  at: anyText,
  integrity: choice('verity', 'digest'),
  isWritable: flag(),
  room: nullable(integer()),
  isCopy: flag(),
  isCurrent: flag(),
});
const generation = object<StatusResult['running']>({
  generation: integer(),
  summary: anyText,
  time: anyText,
});

export const statusSchema: Schema<StatusResult> = object<StatusResult>({
  root: anyText,
  product: nullable(anyText),
  productOrigin: nullable(anyText),
  running: generation,
  next: nullable(generation),
  good: nullable(generation),
  booted: nullable(integer()),
  release: nullable(integer()),
  securityVersion: nullable(integer()),
  floor: integer(),
  update: nullable(
    object<UpdateSummary>({
      state: choice('Idle', 'Available', 'Staged', 'Ready'),
      version: nullable(anyText),
      availableAt: nullable(anyText),
      notYet: nullable(anyText),
    }),
  ),
  floorKept: choice('file', 'TPM'),
  floorBefore: nullable(integer()),
  acceptedRelease: nullable(integer()),
  targets: list(
    object<StatusTarget>({
      name: anyText,
      version: anyText,
      type: anyText,
      digest: anyText,
      manifest: anyText,
      mounts: list(mount),
    }),
  ),
  otherMounts: list(mount),
  volumes: list(anyText),
  protection: nullable(
    object<NonNullable<StatusResult['protection']>>({
      secrets: choice('released', 'no TPM', 'not provisioned', 'withheld'),
      why: nullable(anyText),
    }),
  ),
  warnings: list(anyText),
});

export const historySchema: Schema<readonly LogEntry[]> = list(
  object<LogEntry>({
    generation: integer(),
    commit: anyText,
    time: anyText,
    summary: anyText,
    release: nullable(integer()),
    securityVersion: nullable(integer()),
    source: nullable(anyText),
    reason: nullable(anyText),
    roles: list(anyText),
    verdict: nullable(choice('good', 'bad')),
    pinned: flag(),
    notes: list(object<LogEntry['notes'][number]>({ time: anyText, kind: anyText, reason: anyText })),
  }),
);

type Change = DiffResult['changes'][number];
const side = object<NonNullable<Change['from']>>({ version: anyText, digest: anyText });
export const diffSchema: Schema<DiffResult> = object<DiffResult>({
  from: integer(),
  to: integer(),
  changes: list(
    object<Change>(
      {
        kind: choice('added', 'removed', 'changed'),
        what: choice('target', 'volume'),
        name: anyText,
        boot: flag(),
        from: side,
        to: side,
        fields: list(anyText),
      },
      ['from', 'to'],
    ),
  ),
});

export const pinSchema: Schema<PinResult> = object<PinResult>({ generation: integer(), pinned: flag() });

export type Health = { readonly healthy: boolean; readonly problems: readonly string[] };
export const healthSchema: Schema<Health> = object<Health>({ healthy: flag(), problems: list(anyText) });

export type AuditAnswer = { readonly entries: readonly AuditEntry[]; readonly problem: string | null };
export const auditSchema: Schema<AuditAnswer> = object<AuditAnswer>({
  entries: list(
    object<AuditEntry>({
      number: integer(),
      time: anyText,
      who: anyText,
      role: anyText,
      what: anyText,
      result: anyText,
      count: integer(),
      previous: anyText,
      hash: anyText,
    }),
  ),
  problem: nullable(anyText),
});

export const mirrorsSchema: Schema<Mirrors> = object<Mirrors>({ mirrors: list(anyText) });

export const securitySchema: Schema<SecurityResult> = object<SecurityResult>({
  services: list(
    object<ServiceSecurity>({
      name: anyText,
      score: integer(),
      points: list(object<SecurityPoint>({ about: anyText, got: integer(), most: integer(), why: anyText })),
    }),
  ),
});
