import packageFile from '../../package.json' with { type: 'json' };

/** Set when the executable is built (setup/executable.ts); from a work tree there is none. */
declare const MOS_BUILT_AT: string | undefined;

export const version: string = packageFile.version;

/** No sane clock is earlier: dates of certificates are not judged by one that is. */
export const builtAt: Date = new Date(
  typeof MOS_BUILT_AT === 'string' ? MOS_BUILT_AT : '2026-11-01T00:00:00Z',
);
