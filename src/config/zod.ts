/** zod, for who loads it late: importing the package by itself makes an object of all its two hundred names. */
export { z } from 'zod'
