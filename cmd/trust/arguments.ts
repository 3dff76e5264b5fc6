/** Arguments that several commands share, so that they are called the same everywhere. */
export const keyset = { kind: 'text', value: 'KEYSET', help: 'the name of the keyset' } as const;
export const project = { kind: 'text', value: 'PROJECT', help: 'the name of the project in it' } as const;
