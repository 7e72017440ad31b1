import { array, boolean, enum as choice, number, record, strictObject, string } from 'zod'

/** What the table of settings needs of zod, for who loads it late. All of the package in one object would be three times as much to load. */
export const z = { array, boolean, enum: choice, number, record, strictObject, string }
